"""Words around street addresses: street words, who lives there, firms, and places that everybody knows."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.detector import either

SUFFIX = (
    "street|st|str|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|way|terrace|ter"
    "|circle|cir|parkway|pkwy|highway|hwy|square|sq|trail|trl|close|crescent|cres|gardens|gdns|grove|mews|row"
    "|hill|walk|rise|loop|alley|plaza|broadway|esplanade|parade|turnpike|crossing|ridge|heights|expressway|fwy"
)
BEHIND = (  # written at the end of the street's name; the number follows
    "straße|strasse|str\\.|gasse|weg|allee|platz|(?<!sp)(?<!st)(?<![boieu])ring|damm|ufer|steig|straat|laan"
    "|plein|gracht|kade|dijk|singel|dreef|gatan|gata|vägen|väg|gränd|stigen|(?<=\\w{3})gate|veien|vei|vej|gade"
    "|stræde|stræti|allé|katu|(?<=\\w{3})tie|kuja|polku|torg|torvet|boulevard|stien|backen|plassen|bulevardi"
)
NUMBER_FIRST = (
    "rue|avenue|av\\.|boulevard|bd|bld|place|chemin|impasse|allée|quai|cours|route|square|calle|avenida|rua"
    "|ul\\.|via|piazza|montée|carré|corso"
)
NUMBER_LAST = (
    "calle|c/|avenida|avda\\.?|paseo|plaza|carrera|ronda|camino|travesía|rúa|via|viale|piazza|piazzale"
    "|piazzetta|corso|largo|vicolo|strada|rua|travessa|praça|alameda|ul\\.|ulica|al\\.|aleja|os\\.|pl\\.|plac"
    "|ulice|ул\\.|улица|улице|пр\\.|проспект|пер\\.|переулок|вул\\.|str\\.|c\\.|av\\.|r\\.|rúa|cañada|diagonal"
    "|calzada|callejón|privada|cerrada|prolongación|circuito|pasaje|rambla|cuesta|glorieta|contrada|stretto"
    "|borgo|rotonda|lungomare|estrada|rodovia|rod\\.|ladeira|jardim|setor|vila|avenida|strada|intrarea"
    "|bulevardul|b-dul|calea|aleea|șoseaua|piața|бул\\.|бульвар|наб\\.|набережная|ш\\.|шоссе|шосе|аллея|пл\\."
    "|площадь|площа|вулиця|провулок|узвіз"
)
BETWEEN = "utca|út|útja|u\\.|tér|krt\\.|körút|tee|tänav|iela|gatvė|caddesi|cad\\.|sokak|sok\\.|mahallesi|mah\\."
STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH"
    "|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|AA|AE|AP"
)
PERSONAL = re.compile(
    either(
        "liv(?:e|es|ed|ing) (?:at|in|on)|resid(?:e|es|ed|ing) (?:at|in)|(?:i|we|he|she|they) moved to|my place"
        "|my house"
        "|my home|my flat"
        "|my apartment|(?:house|flat|home|apartment|room) (?:at|in)"
        "|(?<!email )(?<!e-mail )(?<!mail )(?<!ip )(?<!mac )address(?:ed)?|ship(?:ped)?(?: it"
        "| this| them)? to"
        "|deliver(?:ed)?(?: it| this| them)? to|sen[dt](?: it| this| them)?(?: over)? to|mail(?:ed)?(?: it| this)? to"
        "|visit (?:him|her|me) at|meet (?:me|you|him|her) at|pick (?:me|him|her) up (?:at|from)|(?:taxi|cab|ride) to"
        "|drop (?:me|him|her) (?:off )?at|come to|home:|domiciled|(?:ich|er|sie|wir) wohn(?:e|t|en)|wohnhaft"
        "|wohnt|wohne"
        "|anschrift|adresse|lieferadresse|rechnungsadresse|wohnort|habite|habitons|domicilié|domicile"
        "|demeurant|dirección"
        "|vive en|vivo en|domicilio|indirizzo|abita|abito|residente|endereço|moro|mora|morada|reside|adres|woon|woont"
        "|wonende|mieszka|mieszkam|zamieszka\\w{1,4}|adress|bor på|bor i|bopæl|osoite|asuu|bydlí|bydliště"
        "|lakcím|lakik"
        "|ikamet|oturuyor|адрес\\w{0,3}|прожива\\w{2,4}|живу|живет|живёт|адреса|住所|住在|地址|주소|العنوان|يسكن|पता"
    ),
    re.IGNORECASE,
)
FIRM = re.compile(
    either(
        "gmbh|kg|ag|inc|llc|ltd|plc|corp|corporation|company|restaurant|caf[eé]|hotel|museum|office|offices"
        "|shop|store|hq"
        "|headquarters|library|school|university|station|embassy|clinic|hospital|courthouse|filiale|rathaus"
        "|praxis|agency"
        "|branch|venue|theatre|theater|gallery|church|stadium|registered office|s\\.a\\.|s\\.l\\."
        "|s\\.r\\.l\\.|b\\.v\\.|sarl"
        "|bakery|pharmacy|bank|centre|center|pub|bar|landmark|located|museo|musée|parish|warehouse|depot"
    ),
    re.IGNORECASE,
)
FAMOUS = re.compile(
    r"1600 pennsylvania|1[01] downing|221 ?b baker|350 (?:fifth|5th) ave|4 privet drive|742 evergreen|124 conch"
    r"|1 infinite loop|one apple park|1 apple park|1 hacker way|1600 amphitheatre|405 lexington|11 wall st|42 wallaby"
    r"|123 (?:main|fake|example|any|sample|elm|street)|1 main st|55 rue du faubourg saint-honor"
    r"|1060 w(?:est)? addison"
    r"|12 grimmauld|musterstra(?:ß|ss)e|musterweg|beispielstra(?:ß|ss)e"
    r"|willy-brandt-stra(?:ß|ss)e 1\b|platz der republik 1\b",
    re.IGNORECASE,
)
LIVES = (
    "liv(?:e|es|ed|ing) at|resid(?:es?|ed|ing) (?:at|in)|resident at|(?:home|postal|mailing|new|delivery|shipping) "
    "address(?: is|:)|wohnt in der|wohnhaft"
)
NAMED = re.compile(
    r"(?<![^\W_])[A-Z\u00c0-\u00de][\w'’]{1,24}(?:[ -][A-Z\u00c0-\u00de][\w'’]{1,24}){1,3}(?:, (?:of |at "
    r"|from )?| of )$"
)
