"""What is asked is told from the text that it is asked about, by shape alone, whatever the text is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import RouteRequest
from router_ml.planning.documents import has_attachment, split


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Shorten: the hall will be painted in June and the chairs go to the school", "Shorten"),
        ('Is this polite? "We regret that we cannot follow your wishes at the moment."', "Is this polite?"),
        ("Fix it\n```\nfor row in rows: print(row.total, row.name, row.date)\n```", "Fix it"),
        (
            "Dear all, the lift is out of order until Friday.\nPlease use the stairs on the north.\n\nTranslate that.",
            None,
        ),
    ],
)
def test_a_quoted_text_is_a_document(text: str, asked: str | None) -> None:
    found, document = split(text)
    assert document
    assert asked is None or found.strip() == asked
    assert asked is not None or found.endswith("Translate that.")


@pytest.mark.parametrize("text", ["Where is order 8812?", "Refund me: it broke", "Two lines\nof a short request", "hi"])
def test_a_plain_request_has_none(text: str) -> None:
    assert not split(text)[1]


@given(st.text(max_size=400))
def test_any_text_can_be_split(text: str) -> None:
    asked, document = split(text)
    assert isinstance(document, bool)
    assert len(asked) <= len(text) + 1


def test_a_picture_or_a_named_file_counts_as_attached() -> None:
    picture = [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a"}},
    ]
    assert has_attachment(RouteRequest.model_validate({"messages": [{"role": "user", "content": picture}]}))
    assert has_attachment(RouteRequest(text="sum it up", metadata={"attachments": ["report.pdf"]}))
    assert not has_attachment(RouteRequest(text="sum it up", metadata={"attachments": []}))
