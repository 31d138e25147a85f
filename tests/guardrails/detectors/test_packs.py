"""Packs are off until they are asked for; each then finds its kinds by check digit or word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.contract import RouteRequest
from router_ml.guardrails import scan
from router_ml.guardrails.patterns import DETECTORS, PACKS, detectors, fingerprint

Types = Callable[[str], list[str]]

FOUND = {
    "devices": {
        "imei": ("IMEI 490154203237518", "490154203237518 is the imei"),
        "imsi": ("IMSI 310150482176529",),
        "iccid": ("ICCID 8944110064821765290",),
        "advertising_id": ("IDFA 3F2B8C1D-9A4E-4C6F-8B21-7D5E9F0A1C33", "gaid: 3f2b8c1d-9a4e-4c6f-8b21-7d5e9f0a1c33"),
    },
    "vehicles": {
        "vin": ("1HGCM82633A004352", "VIN WVWZZZ1JZ3W386752", "Fahrgestellnummer: WVWZZZ1JZ3W386752"),
        "licence_plate": ("Kennzeichen B-MW 4821", "licence plate LK53 XYB", "matrícula 4821 BCD", "targa AB 482 CD"),
    },
    "workplace": {
        "employee_number": ("employee no. 48217", "Personalnummer: 48217", "personnel no. 30718", "工号48217"),
        "student_number": ("matric. no. 20417793", "student ID 20417793", "Matrikelnummer 4821765", "学号20417793"),
    },
    "crypto": {
        "crypto_wallet": (
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "my wallet 0xde709f2102306220921060314715629080e2fb77",
        )
    },
}
CASES = [(p, kind, text) for p, kinds in FOUND.items() for kind, texts in kinds.items() for text in texts]


def types_with(packs: tuple[str, ...], text: str) -> list[str]:
    return [f.type for f in scan(RouteRequest(text=text), max_bytes=100_000, detectors=detectors(packs)).findings]


@pytest.mark.parametrize(("pack", "kind", "text"), CASES)
def test_a_pack_finds_its_kinds_and_only_when_it_is_on(pack: str, kind: str, text: str) -> None:
    """A fleet needs plates; everybody else would only get false alarms."""
    assert types_with((pack,), text) == [kind]
    assert kind not in types_with((), text)


@pytest.mark.parametrize(
    "text",
    [
        "order 490154203237518",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "0x0000000000000000000000000000000000000000",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx",
        "session 3f2b8c1d-9a4e-4c6f-8b21-7d5e9f0a1c33",
        "ABCDEFGHJKLMNPRST",
        "the plate is hot and the badge is red",
        "employees: 48",
    ],
)
def test_look_alikes_are_refused_with_all_packs_on(text: str) -> None:
    """Check digits and words keep hashes, ids and prose out."""
    assert types_with(tuple(PACKS), text) == []


def test_an_unknown_pack_is_an_error_that_names_the_known_ones() -> None:
    """A misspelt pack that is ignored would leave its kinds unguarded."""
    with pytest.raises(ValueError, match=r"'devises'.*crypto, devices, vehicles, workplace"):
        detectors(["devises"])


def test_packs_add_to_the_default_set_and_never_replace_it() -> None:
    """Turning something on must not turn something else off."""
    assert detectors() == DETECTORS
    for pack in PACKS:
        assert set(detectors((pack,))) == {*DETECTORS, *PACKS[pack]}
    assert detectors(("vehicles", "crypto", "crypto")) == detectors(("crypto", "vehicles"))


def test_the_fingerprint_tells_sets_of_detectors_apart() -> None:
    """An auditor sees from it which detectors made a decision."""
    prints = [fingerprint(detectors(packs)) for packs in ((), *((pack,) for pack in PACKS))]
    assert len(set(prints)) == len(prints)
    assert fingerprint(DETECTORS) == fingerprint(list(DETECTORS))
    assert fingerprint(DETECTORS) != fingerprint(DETECTORS[::-1])
    assert len(prints[0]) == 64
    assert int(prints[0], 16) > 0
