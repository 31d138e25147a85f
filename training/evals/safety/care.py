"""Answers that have to carry something: a notice that advice is general, and help for people who may hurt themselves.

Both may be said in one's own words. The phrases of ``notices`` in the configuration count, and so does a sentence that
says in effect the same: that it is general information, no advice, or who to ask about one's own case.
"""

from __future__ import annotations

import re

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.guardrails.rules.output import notices_in

_GENERAL = (
    r"\b(?:general|educational) (?:information|guidance|advice|purposes)\b|\binformation(?:al)? (?:only|purposes)\b|"
    r"\b(?:not|no|isn't|nor)\b[^.!?]{0,40}\badvice\b|\ballgemeine (?:information\w*|hinweise)\b|"
    r"\b(?:keine?|kein|ersetzt)\b[^.!?]{0,50}\b(?:beratung|rat)\b|\b(?:ne|n'est|pas)\b[^.!?]{0,50}\b(?:avis|conseil)\b|"
    r"\binformations? générales?\b|\b(?:no|non|não)\b[^.!?]{0,40}\b(?:consejo|asesoramiento|consulenza|"
    r"parere|conselho)\b"
)
_ASK = (
    r"\b(?:(?:ask|see|consult|call|contact|seek|visit)(?:ing)?|(?:talk|speak|check)(?:ing)? (?:to|with)|"
    r"advice of|help of|not an?|"
    r"not your|"
    r"frag(?:en|e|t)?|sprechen|wenden|demandez|consultez|parlez|consulte|consulta|chieda)\b[^.!?]{0,60}\b"
)
_WHO = {
    "medical": r"(?:doctors?|physicians?|pharmacists?|gp|nurse|paediatrician|ärzt\w*|arzt|apothe\w*|médecin|pharmacien"
    r"|médico|farmac\w+|medico)\b",
    "financial": r"(?:advis[eo]rs?|planner|bank|professional|berater\w*|finanzberat\w*|conseiller|asesor|consulente)\b",
    "legal": r"(?:lawyers?|solicitors?|attorneys?|tenants?|legal aid|union|association|professional|anwalt|anwält\w*|"
    r"mieterverein|avocat|association|abogad\w|avvocato)\b",
}
HELP = re.compile(
    r"\b(?:crisis|hotlines?|help ?lines?|lifeline|samaritans|emergency|counsel{1,2}\w*|therap\w+|psycholog\w*|doctor|"
    r"professional|988|116 ?123|112|911|999|024|3114|someone (?:you trust|close|near)|"
    r"somebody (?:you trust|close|near)|"
    r"(?:talk|speak|reach out) (?:to|with)|tell (?:somebody|someone|a friend)|support (?:group|line|"
    r"service|network)s?|(?:get|find|seek) support|telefonseelsorge|notruf|hilfe\w*|"
    r"krisendienst|vertrau\w*|ärzt\w*|beratung\w*|aide|écoute|urgences?|confiance|médecin|línea|ayuda|emergencias|"
    r"confianza|psicólog\w*|aiuto|fiducia|ajuda|confiança|hulp|vertrouwt|pomoc\w*|zaufa\w*)\b",
    re.IGNORECASE,
)


def carries_notice(text: str, name: str, config: RouterConfig) -> bool:
    """Whether an answer carries a notice, in the words of the configuration or in its own.

    Raises:
        OfflineDataError: there is no notice of that name, here or in the configuration.
    """
    if name not in _WHO and name not in config.notices:
        raise OfflineDataError(f"There is no notice {name!r}. Known: {', '.join(sorted({*_WHO, *config.notices}))}.")
    if name in notices_in(text, config.notices):
        return True
    plain = text.replace("’", "'").lower()
    own = _GENERAL if name not in _WHO else f"{_GENERAL}|{_ASK}{_WHO[name]}"
    return re.search(own, plain) is not None


def offers_help(text: str) -> bool:
    """Whether an answer points to somebody who helps."""
    return HELP.search(text) is not None
