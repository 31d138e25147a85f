"""Templates of forms, records, tables and lines of logs, with labels in ten languages."""

from __future__ import annotations

import random

Fields = list[tuple[str, str]]

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
    "street": "Street|Street address|Address line 1|Straße|Straße, Nr.|Rue|Calle|Via|Straat|Ulica|Rua|Gata|Sokak"
    "|street|line1",
    "organization": "Company|Employer|Organisation|Vendor|Supplier|Firma|Arbeitgeber|Société|Employeur|Empresa|Azienda"
    "|Ditta|Bedrijf|Werkgever|Pracodawca|Företag|Şirket|company|vendor|School|Hospital|Bank|Insurer|Landlord",
    "city": "City|Town|Ort|Ville|Ciudad|Città|Plaats|Miasto|Cidade|Stad|Şehir|city|Region",
    "country": "Country|Land|Pays|País|Paese|Kraj|Ülke|country|Nationality",
    "email": "E-mail|Email|Mail|Correo|E-Mail-Adresse|email|E-posta",
    "phone": "Phone|Tel.|Telefon|Téléphone|Teléfono|Telefono|Mobile|Handy|phone",
    "date_of_birth": "Date of birth|DOB|Geburtsdatum|Date de naissance|Fecha de nacimiento|Data di nascita|dob"
    "|Doğum tarihi",
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
    return dice.choice((_lines, _lines, _lines, _json, _csv, _pipes, _pairs, _xml, _table))(fields, dice)


def _lines(fields: Fields, dice: random.Random) -> str:
    between = dice.choice((": ", ": ", ":", " - ", " = ", ":\n", "\t", ". "))
    lines = [f"{label}{between}{value}" for label, value in fields]
    lines += dice.sample(_REMARKS, dice.randint(0, 2))
    return dice.choice(("\n", "\n", "; ", ", ", "\n\n")).join(lines)


def _json(fields: Fields, dice: random.Random) -> str:
    comma = dice.choice((", ", ",", ",\n  "))
    return "{" + comma.join(f'"{label.lower()}": "{value}"' for label, value in fields) + "}"


def _csv(fields: Fields, dice: random.Random) -> str:
    comma = dice.choice(",;\t")
    rows = [comma.join(value for _, value in fields)] * dice.randint(1, 4)
    return "\n".join([comma.join(label for label, _ in fields), *rows][dice.randint(0, 1) :])


def _pipes(fields: Fields, dice: random.Random) -> str:
    return " | ".join(f"{label} {value}" if dice.random() < 0.5 else value for label, value in fields)


def _pairs(fields: Fields, dice: random.Random) -> str:
    between = dice.choice((" ", "&", ", "))
    return between.join(f"{label.lower().replace(' ', '_')}={value}" for label, value in fields)


def _xml(fields: Fields, dice: random.Random) -> str:
    names = [label.lower().split()[0] for label, _ in fields]
    elements = [f"<{name}>{value}</{name}>" for name, (_, value) in zip(names, fields, strict=True)]
    return dice.choice(("", "\n")).join(elements)


def _table(fields: Fields, dice: random.Random) -> str:
    rows = ["| " + " | ".join(value for _, value in fields) + " |"] * dice.randint(1, 3)
    return "\n".join(["| " + " | ".join(label for label, _ in fields) + " |", "|" + "---|" * len(fields), *rows])
