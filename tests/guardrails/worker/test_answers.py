"""A user's detector that is well: each text gets its own spans, and the file sees nothing but texts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.guardrails.worker import DetectorFault, External, UserDetector, load

Make = Callable[..., UserDetector]
WAIT_S = 60.0


def test_spans_come_back_for_each_text(make: Make, secret: str) -> None:
    detector: External = make()
    texts = [f"my card {secret}", "nothing", "", f"{secret} {secret}"]
    assert detector.ask(texts) == [[(8, 19)], [], [], [(0, 11), (12, 23)]]
    assert (detector.type, detector.risk) == ("loyalty_card", "pii")


def test_offsets_count_the_same_characters_on_both_sides(make: Make) -> None:
    """Also beyond the basic plane, and where two lone surrogates would be taken for one character."""
    detector = make("def find(text):\n    return [(len(text) - 1, len(text))]\n")
    texts = ["\ud83d\ude00", "\U0001f600x", "é\x00\n", "\ud800", '"\\']
    assert detector.ask(texts) == [[(len(text) - 1, len(text))] for text in texts]


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserDetector]:
    """A detector that answers with the code points it sees."""
    path = tmp_path_factory.mktemp("echo") / "echo.py"
    find = "def find(text):\n    return ((0, 1 + ord(c) % len(text)) for c in text)\n"
    path.write_text(f'TYPE = "echo"\nRISK = "pii"\n{find}', encoding="utf-8")
    detector = load(path, deadline_ms=5_000)
    yield detector
    detector.close()


@given(texts=st.lists(st.text(st.characters(), max_size=30), max_size=8))
@settings(max_examples=50)
def test_any_text_arrives_as_it_is(echo: UserDetector, texts: list[str]) -> None:
    assert echo.ask(texts) == [[(0, 1 + ord(c) % len(text)) for c in text] for text in texts]


def test_only_triggered_texts_are_sent(make: Make) -> None:
    """Where no trigger occurs the process is not asked, so that it cannot fail either."""
    detector = make('TRIGGERS = ("Loyalty", "straße")\ndef find(text):\n    return [(0, len(text))]\n')
    assert detector.ask(["LOYALTY", "other", "in der Straße"]) == [[(0, 7)], [], [(0, 13)]]
    detector.close()
    assert detector.ask(["other"]) == [[]]
    assert isinstance(detector.ask(["loyalty"]), DetectorFault)


def test_many_threads_get_their_own_answers(make: Make) -> None:
    detector = make("def find(text):\n    return [(0, int(text.split()[0]))]\n")
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(20):
            length = 1 + (number + turn) % 9
            found = detector.ask([f"{length} and more than nine characters"])
            if found != [[(0, length)]]:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_printing_and_reading_touch_nothing(make: Make, secret: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Not the protocol, not the router's own streams; while the file is imported as well as when it is asked."""
    noise = "print(text * 10000); sys.stderr.write(text); os.write(1, b'x' * 99999); os.system('echo ' + text)"
    detector = make(
        f"print('hello', sys.stdin.read())\ndef find(text):\n    {noise}\n    assert sys.stdin.read() == ''\n"
        "    return [(0, 1)]\n"
    )
    assert detector.ask([secret, secret]) == [[(0, 1)], [(0, 1)]]
    assert capfd.readouterr() == ("", "")


def test_the_environment_and_folder_are_its_own(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the router's environment is none of its business."""
    monkeypatch.setenv("ROUTER_ML_PIN_KEY", "k" * 40)
    names = "sorted(set(os.environ) - {'PATH', 'TMPDIR', 'LC_CTYPE'})"
    detector = make(f"def find(text):\n    assert not {names} and not os.listdir('.')\n    return [(0, 1)]\n")
    assert detector.ask(["x"]) == [[(0, 1)]]


def test_no_core_file_could_hold_the_texts(make: Make) -> None:
    limits = "resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)"
    detector = make(f"import resource\ndef find(text):\n    assert {limits}\n    return [(0, 1)]\n")
    assert detector.ask(["x"]) == [[(0, 1)]]


def test_a_file_imports_from_the_folders_it_was_given(make: Make, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "cards.py").write_text("LENGTH = 3\n", encoding="utf-8")
    detector = make(
        "from cards import LENGTH\ndef find(text):\n    return [(0, LENGTH)]\n", paths=[tmp_path / "tables"]
    )
    assert detector.ask(["abcd"]) == [[(0, 3)]]
    assert not (tmp_path / "tables" / "__pycache__").exists()
