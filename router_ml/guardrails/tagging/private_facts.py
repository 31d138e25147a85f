"""When a name is a private fact: beside an account, an illness, an identity number, a wage, a birth or a court case.

A name alone says little and stays soft: it is recorded, and it is no hit. The words that make a full name hard are in
ten languages, and must stand in the same passage. A street address with a number is hard by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from router_ml.guardrails.entities import Entity

Span = tuple[int, int]
REACH = 120  # characters on either side that a passage may have

_TERMS = {  # a line break separates as a bar does; no term is a common word of another of the languages
    "en": r"""
        (?:bank|savings|checking|customer|current) account|account(?! (?:manager|executive|team|director|lead))|iban
        sort code|routing number|(?:credit|debit) ?card|card (?:number|statement)|cardholder|salary|payroll|payslip
        wages?|net pay|earns?|loan|mortgage|owes?|in arrears|debt collector|credit score|tax (?:id|return|number)
        beneficiary|standing order|patient|diagnos(?:ed|is)|prescri(?:bed|ption)|medications?|chemotherapy|cancer
        tumou?r|diabetes|diabetic|depression|hiv|pregnant|pregnancy|biopsy|blood test|lab results?
        medical (?:record|history|file)|mrn|health record|allerg(?:y|ic|ies)|discharge summary|surgery|symptoms?
        therapist|psychiatr(?:ist|ic)|disability|vaccinat(?:ed|ion)|insulin|passport|ssn|social security
        national insurance|driver'?s licen[cs]e|id number|employee (?:id|number)|student id|date of birth
        d\.?o\.?b\.?|birth ?date|maiden name|born on|home address|lives (?:at|in|on)|living at
        resid(?:es|ing) (?:at|in)|phone number|reach (?:him|her) (?:at|on)|custody|divorce[ds]?|alimony
        child support|plaintiff|defendant|probation|arrested|convicted|sentenced|criminal record|restraining order
        police report|evict(?:ed|ion)|insured|policy ?holder|fired|dismissed|disciplinary|performance review
        sick leave|maternity leave|warning letter|terminated|next of kin
    """,
    "de": r"""
        kontonummer|konto|kontoinhaber(?:in)?|iban|kreditkarte|gehalt|lohn|gehaltsabrechnung|lohnabrechnung|darlehen
        hypothek|schulden|steuer-?id|steuernummer|patient(?:in)?|diagnose|auf rezept|medikamente?|krebs
        schwanger(?:schaft)?|befund|krankenakte|versichertennummer|allergie|krankgeschrieben|reisepass
        personalausweis|sozialversicherungsnummer|führerschein|personalnummer|geburtsdatum|geboren am|geb\.
        geburtsname|mädchenname|wohnhaft|wohnt (?:in|am)|privatadresse|sorgerecht|scheidung|unterhalt|kläger(?:in)?
        angeklagte[rn]?|beklagte[rn]?|vorstrafe|verhaftet|gekündigt|abmahnung
    """,
    "fr": r"""
        compte bancaire|numéro de compte|titulaire du compte|carte bancaire|salaire|bulletin de paie|fiche de paie
        prêt (?:immobilier|bancaire)|dettes?|numéro fiscal|patiente?|diagnostic|ordonnance|médicaments?|cancer
        enceinte|grossesse|dossier médical|sécurité sociale|passeport|carte d'identité|permis de conduire
        date de naissance|née? le|nom de jeune fille|domiciliée?|habite (?:à|au)|garde des enfants|divorce
        pension alimentaire|plaignante?|accusée?|casier judiciaire|licenciée?
    """,
    "es": r"""
        cuenta bancaria|número de cuenta|titular de la cuenta|tarjeta de crédito|salario|sueldo|nómina|préstamo
        hipoteca|deudas?|paciente|diagnóstic[oa]|receta médica|medicamentos?|cáncer|embarazada
        historia(?:l)? clínic[oa]|seguridad social|pasaporte|dni|número de nie|carnet de conducir
        fecha de nacimiento|nacid[oa] el|apellido de soltera|domicilio|vive en|custodia|divorcio|pensión alimenticia
        demandante|acusad[oa]|antecedentes penales|despedid[oa]|baja médica
    """,
    "it": r"""
        conto corrente|numero di conto|intestatario|carta di credito|stipendio|busta paga|prestito|mutuo|debiti
        paziente|diagnosi|ricetta medica|farmaci|cancro|tumore|incinta|cartella clinica|codice fiscale|passaporto
        carta d'identità|patente di guida|data di nascita|nat[oa] il|cognome da nubile|residente|abita (?:a|in)
        affidamento|divorzio|mantenimento|imputat[oa]|fedina penale|licenziat[oa]|in malattia
    """,
    "nl": r"""
        rekeningnummer|bankrekening|rekeninghouder|creditcard|salaris|loonstrook|lening|hypotheek|schulden|patiënte?
        diagnose|op recept|medicijnen|kanker|zwanger|medisch dossier|bsn|paspoort|rijbewijs|geboortedatum|geboren op
        meisjesnaam|woont (?:in|op)|woonachtig|voogdij|scheiding|alimentatie|verdachte|strafblad|ontslagen
        ziekgemeld
    """,
    "pl": r"""
        numer konta|rachunek bankowy|karta kredytowa|pensja|wynagrodzenie|pożyczka|kredyt|długi?|pacjentk?[aięo]?
        diagnoza|recepta|leki|nowotwór|w ciąży|pesel|dowód osobisty|paszport|prawo jazdy|data urodzenia|urodzon[ya]
        nazwisko panieńskie|zamieszkał[ya]|mieszka (?:w|przy)|rozwód|alimenty|oskarżon[ya]|zwolnion[ya]
        zwolnienie lekarskie
    """,
    "pt": r"""
        conta bancária|número da conta|titular da conta|cartão de crédito|salário|holerite|empréstimo|hipoteca
        dívidas?|paciente|diagnóstico|receita médica|medicamentos?|câncer|cancro|grávida|prontuário|cpf|passaporte
        carta de condução|data de nascimento|nascid[oa] em|nome de solteira|residente|mora (?:em|na|no)
        guarda dos filhos|divórcio|pensão alimentícia|réu|antecedentes criminais|demitid[oa]|baixa médica
    """,
    "sv": r"""
        kontonummer|bankkonto|kreditkort|lön|lönebesked|lån|bolån|skulder|patient(?:en)?|diagnos|på recept|mediciner
        cancer|gravid|patientjournal|personnummer|passnummer|körkort|födelsedatum|född|bor (?:på|i)|vårdnad
        skilsmässa|underhåll|åtalad|uppsagd|sjukskriven
    """,
    "tr": r"""
        hesap numarası|banka hesabı|kredi kartı|maaş|bordro|kredi borcu|hasta (?:adı|kaydı|dosyası)|teşhis|reçete
        ilaç(?:lar)?|kanser|hamile|tc kimlik|kimlik no|pasaport|ehliyet|doğum tarihi|doğumlu|kızlık soyadı|ikamet
        velayet|boşanma|nafaka|sanık|sabıka|işten çıkarıldı
    """,
}


def _by_first_letter() -> dict[str, re.Pattern[str]]:
    """The terms that may start with a letter, as one pattern for the place where a word starts."""
    terms = dict.fromkeys(
        term for words in _TERMS.values() for line in words.split("\n") for term in _split(line) if term
    )
    table: dict[str, list[str]] = {}
    for term in terms:
        first = re.match(r"\(\?:|", term)
        starts = (
            {part[0] for part in term[first.end() : term.index(")")].split("|")} if first and first[0] else {term[0]}
        )
        for letter in starts:
            table.setdefault(letter, []).append(term)
    return {letter: re.compile(rf"(?:{'|'.join(own)})(?!\w)") for letter, own in table.items()}


def _split(line: str) -> Iterator[str]:
    """Alternatives of a line; a bar inside parentheses is not one between terms."""
    depth, term = 0, ""
    for character in line.strip():
        depth += (character == "(") - (character == ")")
        if character == "|" and not depth:
            yield term
            term = ""
        else:
            term += character
    yield term


_BY_FIRST_LETTER = _by_first_letter()
_TITLE = re.compile(
    r"(?:^|[\s(\"'>:,])(?:mr|mrs|ms|miss|dr|prof|herrn?|frau|señora?|sr|sra|monsieur|madame|mme|signora?|sig|dhr|mevr|pan|pani"
    r"|senhora?)\.? {1,2}$",
    re.IGNORECASE,
)
_SURNAME = re.compile(
    r"(?:maiden name|surname|last name|family name|name on the account|geburtsname|mädchenname|nom de jeune fille"
    r"|apellido de soltera)(?: is| was|:| ist| est| es){0,2} {0,2}$",
    re.IGNORECASE,
)
_BREAK = re.compile(r"(?<=\w\w\w)[.!?]{1,3}\s{1,3}(?=[^\W\d_a-z])|\n[ \t]{0,8}\n")
_WORD_START = re.compile(r"(?<!\w)[^\W\d_]")
_NUMBER, _NAME_PART = re.compile(r"\d"), re.compile(r"[^\W\d_]{2}")
_LEAST_ADDRESS, _MOST_ADDRESS = 8, 160
_NOT_IN_ADDRESSES = re.compile(r"[=<>{}\[\]|%\"«»„“”*_?!;]|\d[.,]\d{1,2}(?![\d-])|\w\(|\d:\d")
_OTHER_SCRIPT = re.compile("[\u0400-\u1cff\u1ea0-\u1ef9\u2e80-\uffef]")
_ADDRESS_WORD = re.compile(
    r"(?<!\w)(?:ул|улица|вулиця|вул|пр|пр-т|проспект|пер|переулок|пл|площадь|наб|бульвар|бул|шоссе|ш|алл|пос|г|м|город"
    r"|д|дом|буд|кв|стр|корп|đường|phố|phường|quận|số|ngõ|thôn)(?!\w)\.? |[省市区县路街號号弄室県府郡町丁番]"
    r"|[가-힣](?:시|도|구|군|동|로|길|읍|면)(?!\w)|شارع|حي|طريق|मार्ग|नगर|रोड",
    re.IGNORECASE,
)


def judge(text: str, entities: Sequence[Entity], found: Sequence[Span] = ()) -> Iterator[tuple[Entity, bool]]:
    """Each entity, and whether it is a private fact by itself or by what stands beside it (hard), or not (soft).

    Args:
        found: where other personal data was found in this text.
    """
    people = [entity for entity in entities if entity.kind == "person"]
    places = sorted({*_terms(text), *(start for start, _ in found)}) if people else []
    breaks = [match.start() for match in _BREAK.finditer(text)] if places else []
    for entity in entities:
        if entity.kind == "address":
            yield entity, _is_precise(text, entity)
        elif entity.kind == "person" and places and _is_full(text, entity):
            start, end = _passage(entity, breaks)
            after = bisect_left(places, start)
            yield entity, after < len(places) and places[after] < end
        else:
            yield entity, False


def _terms(text: str) -> Iterator[int]:
    """Where words start that make a name beside them a private fact."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(character.lower()[0] for character in text)
    for word in _WORD_START.finditer(lowered):
        pattern = _BY_FIRST_LETTER.get(word[0])
        if pattern is not None and pattern.match(lowered, word.start()) is not None:
            yield word.start()


def _passage(entity: Entity, breaks: Sequence[int]) -> Span:
    """The passage around an entity: to the nearest breaks, and no further than ``REACH``."""
    after = bisect_left(breaks, entity.end)
    before = bisect_left(breaks, entity.start)
    start = max(breaks[before - 1] if before else 0, entity.start - REACH)
    end = min(breaks[after] if after < len(breaks) else entity.end + REACH, entity.end + REACH)
    return start, end


def _is_full(text: str, entity: Entity) -> bool:
    """Whether a name says who it is: two parts, a title before it, or words that call it a surname."""
    before = text[max(0, entity.start - 32) : entity.start]
    parts = text[entity.start : entity.end].split()
    full = sum(_NAME_PART.match(part) is not None for part in parts) > 1 or (len(parts) > 1 and len(parts[0]) <= 2)
    return full or _TITLE.search(before) is not None or _SURNAME.search(before) is not None


_STREET = re.compile(
    r"\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|way|court|ct|place|pl|close|crescent|terrace|gardens|square|sq"
    r"|boulevard|blvd|parkway|highway|hwy|circle|trail|row|mews|grove|hill|house|flat|apt|suite|rue|chemin|impasse"
    r"|quai|allée|calle|avenida|plaza|paseo|camino|carrer|vía|via|viale|piazza|corso|largo|rua|travessa|praça|ulica|ul|aleja"
    r"|plac|osiedle|sokak|sokağı|cadde|caddesi|mahallesi|utca|út|tér|körút|strada|bulevardul|ulice|náměstí|katu|tie)\b"
    r"|stra(?:ß|ss)e\b|str\.|platz\b|\wweg\b|gasse\b|\wallee\b|damm\b|ufer\b|straat\b|laan\b|plein\b|gracht\b|kade\b"
    r"|gatan\b|vägen\b|gata\b|veien\b|\wvej\b|gade\b|\wkatu\b|\wtie\b",
    re.IGNORECASE,
)
_BEFORE_ADDRESS = 48
_POSTCODE = re.compile(
    r"(?:,|\n| -) ?(?:[A-Z]{1,2}-)?\d{4,5}(?:-\d{3,4})? [^\W\d_]{2}|[^\W\d_]{2}[, ]{1,2}\d{5}(?:-\d{4})?$"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b\d{4} ?[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b"
)
_ADDRESSED = re.compile(
    r"address|adres|indirizzo|direcci|endere[çc]o|anschrift|domicil|ship|deliver|send|post(?:ed)? to|mail(?:ed)? to"
    r"|lives?|living|home|house|resid|moved?|wohn|habit|viv[eio]|abit|mora|bor |visit|located|meet|come to"
    r"|drop|pick|parcel",
    re.IGNORECASE,
)


def _is_precise(text: str, entity: Entity) -> bool:
    """Whether an address names a house or a place to write to, not just a street, and does not look like code or prose.

    It must say so: by a word for street, house or town, by a postcode, or by what stands before it. In scripts that the
    encoder was not trained on only a word of its own counts.
    """
    address = text[entity.start : entity.end]
    if not _LEAST_ADDRESS <= len(address) <= _MOST_ADDRESS or _NOT_IN_ADDRESSES.search(address) is not None:
        return False
    if _NUMBER.search(address) is None or _NAME_PART.search(address) is None:
        return False
    if _ADDRESS_WORD.search(address) is not None or _STREET.search(address) is not None:
        return True
    before = text[max(0, entity.start - _BEFORE_ADDRESS) : entity.start]
    says = _POSTCODE.search(address) is not None or _ADDRESSED.search(before) is not None
    return says and _OTHER_SCRIPT.search(address) is None
