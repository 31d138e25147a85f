"""The form of a text is read as a reader would: points in numbers end no sentence, a hyphen parts no word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evals.checks.forms import Form, form_failures, sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One.", 1),
        ("It grew 3.4 percent. Costs were 0.6 percent.", 2),
        ("Dr. Lind came at 5 p.m. and left.", 1),
        ('He said "no." Then he left!', 2),
        ("No point at the end", 1),
        ("First. second without a point", 2),
        ("Really?! Yes…", 2),
        ("We met at 6 p.m. The rest came later.", 2),
        ("See no. 7 of the list. It says no. Good.", 3),
        ("", 0),
    ],
)
def test_sentences(text: str, count: int) -> None:
    """Sentences are counted by their ends."""
    assert sentences(text) == count


@pytest.mark.parametrize(
    ("text", "form", "failures"),
    [
        ("a b c", Form(max_words=3), set()),
        ("a b c d", Form(max_words=3), {"too_long"}),
        ("word " * 62, Form(max_words=60), set()),
        ("word " * 70, Form(max_words=60), {"too_long"}),
        ("well-known – things", Form(max_words=2), set()),
        ("- a\n- b", Form(lines=2, line_pattern="- .*"), set()),
        ("Sure:\n- a\n- b", Form(lines=2, line_pattern="- .*"), {"wrong_format"}),
        ("x\nAnswer: 12:35", Form(last_line=r"Answer: \d\d:\d\d"), set()),
        ("Answer: 12:35\nBye", Form(last_line=r"Answer: \d\d:\d\d"), {"wrong_format"}),
        ("SELECT 1;", Form(code="sql"), set()),
        ("Here is the query:\nSELECT 1;", Form(code="sql"), {"wrong_format"}),
        ("```python\nx = 1\n```", Form(code="python", fenced=True), set()),
        ("Sure!\n```python\nx = 1\n```", Form(code="python", fenced=True), {"wrong_format"}),
        ("def f():\n    return 1", Form(code="python"), set()),
        ("Guten Tag, die Ware ist heute angekommen.", Form(language="de"), set()),
        ("Good day, the goods have arrived today.", Form(language="de"), {"wrong_language"}),
        ("Ok.", Form(language="de"), set()),
    ],
)
def test_forms(text: str, form: Form, failures: set[str]) -> None:
    """What keeps a form passes, what breaks it is named."""
    assert {name for name, _ in form_failures(text, form)} == failures


@settings(max_examples=30)
@given(st.text(max_size=300))
def test_any_text_has_a_form(text: str) -> None:
    """No text breaks the check, whatever is asked of it."""
    list(form_failures(text, Form(lines=1, sentences=1, max_words=3, min_words=1, language="de", code="python")))
