"""Account numbers and routing codes of banks: a word near them says what they are."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors import checks
from router_ml.guardrails.detectors.detector import Span
from router_ml.guardrails.detectors.documents import Document, detector
from router_ml.guardrails.detectors.labels import labelled_rows

_TRANSFER = "bank account|wire transfer|direct deposit|überweisung|virement|transferencia|bonifico"

DOCUMENTS = (
    Document("us_routing", "us.rtn", r"\d{9}", "routing|aba|rtn|bank transit", digits=9),
    Document("es_account", "es.ccc", r"\d{4}[ -]?\d{4}[ -]?\d\d[ -]?\d{10}", "cuenta|ccc", digits=20),
    Document("mx_clabe", checks.clabe, r"\d{18}|\d{3} \d{3} \d{11} \d", "clabe|cuenta|transferencia", digits=18),
    Document("ar_cbu", "ar.cbu", r"\d{22}|\d{8} \d{14}", "cbu|cvu|cuenta|alias", digits=22),
    Document(
        "cz_account",
        "cz.bankaccount",
        r"(?:\d{1,6}-)?\d{2,10}/\d{4}",
        "číslo účtu|účet|účtu|cislo uctu|účte",
        digits=6,
    ),
    Document("in_ifsc", None, r"[a-z]{4}0[a-z0-9]{6}", "ifsc|ifsc code", digits=2),
)


def _swift(match: re.Match[str]) -> Span | None:
    """ISO 9362: the country must exist."""
    from stdnum import bic

    return match.span("value") if bic.is_valid(match["value"]) else None


BANKING = (
    *(detector(document, also=_TRANSFER if document.digits == 9 else "") for document in DOCUMENTS),
    *labelled_rows(
        "swift",
        "bic|bic code|swift code|swift-code|swift/bic|bic/swift|swift number|swift:|swift is",
        r"(?-i:[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)",
        least=0,
        accept=_swift,
    ),
    *labelled_rows("uk_sort_code", "sort ?code|sortcode", r"\d\d[- ]?\d\d[- ]?\d\d", loose=3, least=6),
    *labelled_rows("au_bsb", "bsb", r"\d{3}[- ]?\d{3}", least=6),
    *labelled_rows("de_blz", "blz|bankleitzahl", r"\d{3} ?\d{3} ?\d\d", least=8),
    *labelled_rows("ca_transit", "transit|institution", r"\d{5}-\d{3}|0\d{3}\d{5}", least=8),
    *labelled_rows(
        "br_account", "agência|agencia", r"\d{4}(?:-\d)?[, /]{1,3}(?:c/c|conta|cc)\W{0,3}\d{4,12}-?[\dx]", least=8
    ),
)
