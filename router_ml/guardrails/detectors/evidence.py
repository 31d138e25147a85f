"""Whether a finding in a guess of a text is believed: its looks are beyond chance, or a label says what it is.

A guess makes something of harmless text too: an order number read from its end may be a valid card number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from router_ml.guardrails.detectors.detector import Detector, Span, words
from router_ml.guardrails.detectors.external import External

_SURE = frozenset({"iban", "it_codice_fiscale", "mx_curp", "in_pan", "es_nie"})
_ENDINGS = re.compile(  # top-level domains that people have addresses in; "@app.route" has none
    r"\.(?:com|org|net|edu|gov|mil|int|info|biz|name|pro|io|ai|app|dev|me|co|tv|eu|online|site|shop|xyz|cloud|tech|email"
    r"|uk|de|fr|es|it|nl|be|at|ch|pl|cz|se|no|dk|fi|ie|pt|gr|ro|hu|bg|hr|si|sk|lt|lv|ee|lu|tr|ru|ua|us|ca|mx|br|ar|cl|pe"
    r"|au|nz|jp|cn|kr|in|sg|hk|tw|th|my|id|ph|vn|za|ng|ke|eg|ma|il|ae|sa|pk)$",
    re.IGNORECASE,
)
_FAITHFUL = frozenset({"keyed", "worded", "spoken", "unspaced", "unmarked"})  # they only change what is disguised
_UNCHECKED = frozenset(  # any digits would do, so a label finds them from either end
    "phone bank_account medical_record passport date_of_birth driving_licence customer_number tax_or_national_id"
    " address ip_address mac_address swift password api_key".split()
)
_NUMERIC = frozenset({"address", "ip_address", "mac_address"})
_LOOSE = _NUMERIC | {"phone", "bank_account", "customer_number", "password", "api_key"}
_LABELS = words(
    r"cards?|credit ?cards?|creditcardnummer|credit|debit|visa|mastercard|amex",
    r"kreditkarten?(?:nummer)?|karten?(?:nummer)?|kart[aeyęuı]?|carte|tarjeta|carta|cart[ãa]o|kaart|accounts?|acct",
    r"kontos?|kontonr|compte|cuenta|conto|conta|rekening|bank|routing|sort ?code|iban|numer\w{0,2}|número",
    r"numéro|nummer",
    r"ssn|social(?: security)?|itin|tax(?:payer)?|national|insurance|identity|passport|passeport|reisepass|pasaporte",
    r"licen[cs]e|phone|telephone|tel|mobile|cell|call|whats ?app|fax|sms|handy|telefon|teléfono|téléphone|telefono",
    r"telefone|telefoon|telem[óo]vel|celular|cellulare|reach|text|ring|dial|ids?|dni|nif|nie|nhs|pesel|cpf|bsn|tfn|sin",
    r"nir|cnp|egn|steuer-?id|hetu|curp|rut|aadhaa?r|pan|personnummer|cpr|oib|jmbg|emšo|amka|rrn|kimlik|ahv|avs|insz",
    r"patient|mrn|medical|record|birth|born|dob|geburtsdatum|naissance|nacimiento|nascita|e-?mail|mail",
    r"nric|fin|cuit|cuil|rfc|niss|henkilötunnus|rodn[ée]|c[ée]dula|cnic|nino|ni number|codice fiscale|cf|ausweis",
    r"mac|ip|ipv[46]|hardware|address|adresse|telefonnummer|telefoonnummer|kontonummer|rekeningnummer",
    r"rijksregister|registre|registration|kennitala|permit|certificate",
    r"(?:my|his|her|their|our) (?:[a-z]{2,12} ){0,2}(?:number|no|nr|code|nummer)",
)
_BEFORE, _AFTER = 80, 40
_SAYS_SO = re.compile(
    r"reversed|backwards|rückwärts|à l.envers|al rev[eé]s|al contrario|ao contr[aá]rio|achterste|wspak", re.IGNORECASE
)
_NEVER: Mapping[str, frozenset[str]] = MappingProxyType(
    {"reversed": _UNCHECKED, "gathered": _UNCHECKED, "compact": _LOOSE, "leet": _NUMERIC}
)


def never(view: str, text: str) -> frozenset[str]:
    """Types that are not believed in a view, so that nobody need look for them there."""
    return frozenset() if _says_so(view, text) else _NEVER.get(view, frozenset())


def _says_so(view: str, text: str) -> bool:
    """Whether the text itself says that it is to be read from its end."""
    return view == "reversed" and _SAYS_SO.search(text) is not None


def convinces(detector: Detector | External, view: str, text: str, span: Span, labels: str = "") -> bool:
    """Whether a finding counts in a guess; ``labels`` is further text in which a label may stand."""
    if not isinstance(detector, Detector):
        return True  # its own affair
    start, end = span
    if detector.type == "email":
        return _ENDINGS.search(text[start:end]) is not None
    if view == "joined" and detector.type == "card":
        return True  # its check digit and issuer, over pieces that were sent apart
    sure = detector.risk == "secrets" or detector.named or detector.type in _SURE
    if sure or view in _FAITHFUL or _says_so(view, text):
        return True
    around = text[max(0, start - _BEFORE) : end + _AFTER]
    return _LABELS.search(around) is not None or (labels != "" and _LABELS.search(labels) is not None)
