"""National and tax ids: the tables of ``ids_europe`` and ``ids_world``, and one document without a check digit."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.detector import Detector, Span, labelled_otherwise
from router_ml.guardrails.detectors.documents import Document, detector
from router_ml.guardrails.detectors.ids_europe import EUROPE
from router_ml.guardrails.detectors.ids_world import WORLD

DOCUMENTS: tuple[Document, ...] = (*EUROPE, *WORLD)

_ANY = (
    "national id|national identity|personal id|identity number|identity card|identification number|tax id|tax number"
    "|tax code|id number|id no|id card|social security|social insurance|national insurance|national number"
    "|national register|personal code|personal number|personal identity|citizen service number|citizen number"
    "|birth number"
    "|resident registration|resident id|pension number|insurance number|taxpayer|numéro de sécurité sociale|ausweis"
    "|carte d'identité|numéro d'identité|documento de identidad|número de identidad|carta d'identità|codice fiscale"
    "|documento de identidade|identiteitskaart|identiteitsbewijs|dowód osobisty|numer identyfikacyjny"
    "|kimlik|удостоверение личности|证件号|身份号码"
)


def _uk_nino(match: re.Match[str]) -> Span | None:
    return None if labelled_otherwise(match.string, match.start()) else match.span()


NATIONAL_IDS = (
    *(detector(document, also=_ANY) for document in DOCUMENTS),
    Detector(  # no check digit, but a shape of its own (HM Revenue & Customs, National Insurance manual NIM39110)
        type="uk_nino",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:[ -]?\d\d){3}[ -]?[A-D]"
            r"(?![^\W_])",
            re.ASCII,
        ),
        digits=6,
        accept=_uk_nino,
    ),
)
