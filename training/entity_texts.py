"""Texts with the places of people, addresses and organisations: filled templates, composed forms, plain requests.

Templates (``data/entities``) are written by hand; their slots get other values each time. Forms are composed of labels
in ten languages. Requests of the corpus that hold no personal data teach what is none of the three.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from router_ml.guardrails.entities import TAGS, Ints
from training import corpus
from training.values import ROOT, Values

_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_KIND_OF_SLOT = {
    "person": "person",
    "first_name": "person",
    "last_name": "person",
    "address": "address",
    "street": "address",
    "organization": "organization",
}
_TOWN_GAP = re.compile(r"[,;]?\s{0,2}$")
_NOT_LEARNED = ("heldout", "calibration")
_LONGEST = 900  # characters: one window of the encoder
_STREET = re.compile(
    r"\d{1,5} (?:[A-Z]\w{1,20} ){1,3}(?:st|street|road|rd|avenue|ave|lane|drive|way|close|court)\b|(?:stra(?:ß|ss)e|str\.|weg|gasse)"
    r" \d|(?:rue|calle|via|rua|avenida|ulica|ul\.) [A-Z]",
    re.IGNORECASE,
)
_COMPANY = re.compile(
    r"\b(?:GmbH|Inc|Ltd|LLC|AG|plc|Corp|S\.A\.|University|Universität|Hospital|Bank|College|Institute|Foundation|Council)\b"
)
_WORD = re.compile(r"[^\W\d_][\w'-]{1,24}")


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` of a text are of one kind."""

    kind: str
    start: int
    end: int


Tagged = tuple[str, list[Span]]


def load(path: Path) -> list[str]:
    """Templates of a JSON Lines file."""
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def fill(template: str, values: Values) -> Tagged:
    """The template with values in its slots, and where those of a kind are.

    A first name next to a last name is one person with it, a town after a street one address; alone, a town is none.
    """
    parts: list[str] = []
    spans: list[Span] = []
    size = done = 0
    for match in _SLOT.finditer(template):
        slot, before = match.group(1), template[done : match.start()]
        value = values(slot)
        start = size + len(before)
        kind, last = _KIND_OF_SLOT.get(slot), spans[-1] if spans else None
        follows = last is not None and last.end == size
        if follows and last and ((kind == last.kind == "person" and before == " ") or _is_town(slot, last, before)):
            spans[-1] = Span(last.kind, last.start, start + len(value))
        elif kind:
            spans.append(Span(kind, start, start + len(value)))
        parts += (before, value)
        size, done = start + len(value), match.end()
    return "".join([*parts, template[done:]]), spans


def _is_town(slot: str, last: Span, before: str) -> bool:
    return slot in ("city", "country") and last.kind == "address" and _TOWN_GAP.fullmatch(before) is not None


def align(offsets: Sequence[tuple[int, int]] | Ints, spans: Sequence[Span]) -> list[int]:
    """The tag (index into ``TAGS``) of each token, from its offsets in the text; of a special token, 0."""
    tags = []
    for start, end in offsets:
        covering = next((span for span in spans if start < span.end and end > span.start), None)
        tags.append(TAGS.index(covering.kind) if covering is not None and start < end else 0)
    return tags


def recased(tagged: Tagged, dice: random.Random) -> Tagged:
    """Now and then all small, as in chats, or all capital, as in forms; places stay where they are."""
    text, spans = tagged
    kind = dice.random()
    changed = text.lower() if kind < 0.14 else text.upper() if kind < 0.19 else text
    return (changed, spans) if len(changed) == len(text) else tagged


def together(parts: Sequence[Tagged], gap: str) -> Tagged:
    """Several texts as one."""
    whole, spans = "", list[Span]()
    for text, own in parts:
        start = len(whole) + (len(gap) if whole else 0)
        whole = f"{whole}{gap}{text}" if whole else text
        spans += [Span(span.kind, span.start + start, span.end + start) for span in own]
    return whole, spans


_LABELS = {
    "person": "Name|Full name|Customer|Client|Patient|Contact|Employee|Tenant|Applicant|Insured|Payee|Recipient|Kunde"
    "|Name, Vorname|Versicherter|Ansprechpartner|Empfänger|Nom|Nom et prénom|Destinataire|Nombre|Titular|Cliente"
    "|Nome e cognome|Intestatario|Naam|Ontvanger|Imię i nazwisko|Odbiorca|Nome|Titular da conta|Namn|Mottagare|Ad soyad"
    "|customer_name|name|full_name|user|assignee|owner|Caller|Signed|Prepared by|Doctor|Guardian|Driver",
    "first_name": "First name|Given name|Vorname|Prénom|Nombre|Nome|Voornaam|Imię|Förnamn|Ad|first_name|firstName",
    "last_name": "Last name|Surname|Family name|Nachname|Nom de famille|Apellidos|Cognome|Achternaam|Nazwisko|Apelido"
    "|Efternamn|Soyadı|last_name|lastName",
    "address": "Address|Home address|Delivery address|Billing address|Ship to|Location|Adresse|Anschrift|Lieferadresse"
    "|Adresse de livraison|Dirección|Domicilio|Indirizzo|Residenza|Adres|Bezorgadres|Adres zamieszkania|Endereço|Morada"
    "|Adress|Teslimat adresi|address|shipping_address|Site|Property|Pickup|Drop-off",
    "street": "Street|Street address|Address line 1|Straße|Straße, Nr.|Rue|Calle|Via|Straat|Ulica|Rua|Gata|Sokak|street|line1",
    "organization": "Company|Employer|Organisation|Vendor|Supplier|Firma|Arbeitgeber|Société|Employeur|Empresa|Azienda"
    "|Ditta|Bedrijf|Werkgever|Pracodawca|Företag|Şirket|company|vendor|School|Hospital|Bank|Insurer|Landlord",
    "city": "City|Town|Ort|Ville|Ciudad|Città|Plaats|Miasto|Cidade|Stad|Şehir|city|Region",
    "country": "Country|Land|Pays|País|Paese|Kraj|Ülke|country|Nationality",
    "email": "E-mail|Email|Mail|Correo|E-Mail-Adresse|email|E-posta",
    "phone": "Phone|Tel.|Telefon|Téléphone|Teléfono|Telefono|Mobile|Handy|phone",
    "date_of_birth": "Date of birth|DOB|Geburtsdatum|Date de naissance|Fecha de nacimiento|Data di nascita|dob|Doğum tarihi",
    "national_id": "SSN|ID no.|Passport|Steuer-ID|DNI|Codice fiscale|BSN|PESEL|CPF|Personnummer|national_id",
    "account": "Account|IBAN|Konto|Compte|Cuenta|Conto|Rekening|account_no",
    "medical_record": "MRN|Record no.|Patient ID|Fallnummer|Dossier",
    "date": "Date|Datum|Fecha|Data|Due|Start|created_at|Valid until",
    "order_id": "Order|Ref|Ticket|Bestellnummer|Commande|Pedido|order_id|Case",
    "amount": "Total|Amount|Salary|Betrag|Montant|Importe|Importo|Kwota|amount|Rent",
    "job": "Position|Job title|Role|Beruf|Poste|Puesto|job",
    "product": "Product|Item|Artikel|Produit|Producto|sku|Device|Model",
    "url": "Website|URL|Link",
}
_REMARKS = (
    "Status: open",
    "Notes: call before noon",
    "Priority: High",
    "Department: Human Resources",
    "Type: Standard Delivery",
    "Payment: Direct Debit",
    "Allergies: none",
    "Diagnosis: Bronchitis",
    "Gender: F",
    "Language: German",
    "Class: Economy",
    "Bemerkung: Bitte klingeln",
    "Estado: Pendiente",
    "Statut: En cours",
)
_ENTITY_SLOTS, _OTHER_SLOTS = tuple(list(_LABELS)[:6]), tuple(list(_LABELS)[6:])


def form(dice: random.Random) -> str:
    """A template of a form, record, table or line of a log with labels in any of ten languages."""
    slots = dice.sample(_ENTITY_SLOTS, dice.randint(0, 3)) + dice.sample(_OTHER_SLOTS, dice.randint(1, 4))
    dice.shuffle(slots)
    fields = [(dice.choice(_LABELS[slot].split("|")), f"{{{{{slot}}}}}") for slot in slots]
    style = dice.choice(("lines", "lines", "lines", "json", "csv", "pipes", "pairs", "xml", "table"))
    if style == "json":
        return "{" + ", ".join(f'"{label.lower()}": "{value}"' for label, value in fields) + "}"
    if style == "csv":
        comma = dice.choice(",;\t")
        rows = [comma.join(value for _, value in fields)] * dice.randint(1, 4)
        return "\n".join([comma.join(label for label, _ in fields), *rows][dice.randint(0, 1) :])
    if style == "pipes":
        return " | ".join(f"{label} {value}" if dice.random() < 0.5 else value for label, value in fields)
    if style == "pairs":
        return dice.choice((" ", "&", ", ")).join(
            f"{label.lower().replace(' ', '_')}={value}" for label, value in fields
        )
    if style == "xml":
        return "".join(f"<{label.lower().split()[0]}>{value}</{label.lower().split()[0]}>" for label, value in fields)
    if style == "table":
        rows = ["| " + " | ".join(value for _, value in fields) + " |"] * dice.randint(1, 3)
        return "\n".join(["| " + " | ".join(label for label, _ in fields) + " |", "|" + "---|" * len(fields), *rows])
    between = dice.choice((": ", ": ", ":", " - ", " = ", ":\n", "\t", ". "))
    lines = [f"{label}{between}{value}" for label, value in fields]
    lines += dice.sample(_REMARKS, dice.randint(0, 2))
    return dice.choice(("\n", "\n", "; ", ", ", "\n\n")).join(lines)


def plain_requests(names: frozenset[str]) -> list[str]:
    """Requests of the corpus that hold none of the three, as far as a look at their words can tell.

    Args:
        names: first names, in small letters; a request with one of them, capitalised, is left out.
    """
    found = []
    for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl")):
        if path.stem in _NOT_LEARNED:
            continue
        for row in corpus.load([path]):
            text = row.text
            if (
                {"pii", "secrets"} & set(row.risks)
                or len(text) > _LONGEST
                or _STREET.search(text)
                or _COMPANY.search(text)
            ):
                continue
            if not any(word[0].isupper() and word.lower() in names for word in _WORD.findall(text)):
                found.append(text)
    return found


_PEOPLE = (
    "sister|brother|mother|father|mom|mum|dad|boss|manager|colleague|co-?worker|teammate|neighbou?r|landlord|tenant|roommate"
    "|flatmate|friend|wife|husband|partner|girlfriend|boyfriend|daughter|son|uncle|aunt|cousin|grandmother|grandfather|grandma"
    "|grandpa|teacher|doctor|nurse|patient|customer|client|employee|intern|candidate|applicant|driver|plumber|lawyer"
    "|accountant|supervisor|assistant|student|contractor|witness|buyer|seller|guest|caller|director|owner|therapist|dentist"
    "|coach|engineer|developer|designer|analyst"
)
_FIRMS = (
    "company|employer|vendor|supplier|agency|bank|hospital|school|university|insurer|startup|firm|airline|gym|clinic|bakery"
    "|shop|restaurant|charity"
)
_HOUSES = "office|house|flat|apartment|warehouse|building|property|store|venue|hotel|branch"
_COMPOUND = (
    r"['’]s?|[ -](?:service|support|team|experience|portal|table|id|ids|data|base|list|lists|facing|name|names|account|accounts"
    r"|satisfaction|stor(?:y|ies)|input|agreement|policy|letter|number|card|of|records?|reviews?|feedback|chat|room|desk|hours|party"
    r"|supplies|manager|owner|interface|education|loan|fees?|who|and|or)\b"
)
_PLACES_OF_NAMES = (  # what may be called by its name instead, and by which slot
    (re.compile(rf"\b(?:my|our|the|an?|his|her|their|one) (?:\w{{1,20}} )?(?:{_PEOPLE})\b(?!{_COMPOUND})", re.IGNORECASE),
     ("{{person}}", "{{person}}", "{{first_name}}", "{{title}} {{last_name}}")),
    (re.compile(r"(?:(?<=^)|(?<=[.!?,;:] )|(?<=and )|(?<=that )|(?<=if )|(?<=when )|(?<=because ))(?:she|he)\b", re.IGNORECASE),
     ("{{first_name}}", "{{person}}", "{{title}} {{last_name}}")),
    (re.compile(rf"\b(?:my|our|the|an?|their) (?:\w{{1,20}} )?(?:{_FIRMS})\b(?!{_COMPOUND})", re.IGNORECASE), ("{{organization}}",)),
    (re.compile(rf"\b(?:my|our|the|an?|their) (?:\w{{1,20}} )?(?:{_HOUSES})\b(?!{_COMPOUND})", re.IGNORECASE), ("{{address}}",)),
)  # fmt: skip


def inhabited(text: str, dice: random.Random) -> str | None:
    """A template from a request: "my sister" and "the company" become slots for names; None where nothing does."""
    if "{{" in text:
        return None
    result = text
    for pattern, slots in _PLACES_OF_NAMES:
        result = pattern.sub(lambda match, slots=slots: dice.choice(slots) if dice.random() < 0.8 else match[0], result)
    return result if result != text else None


def tagged_texts(templates: Sequence[str], values: Values, seed: int, *, fillings: int) -> Iterator[Tagged]:
    """Each template filled several times, now and then two of them as one text, some recased."""
    dice = random.Random(seed)
    for _ in range(fillings):
        for template in templates:
            parts = [fill(template, values)]
            while dice.random() < 0.22 and len(parts) < 4:
                parts.append(fill(dice.choice(templates), values))
            dice.shuffle(parts)
            tagged = recased(together(parts, dice.choice(("\n\n", "\n", " ", " "))), dice)
            if len(tagged[0]) <= _LONGEST:
                yield tagged
