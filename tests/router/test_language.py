"""Languages that the encoder was not validated on: flagged and raised as policy says, and no more than that."""

from __future__ import annotations

import pytest

from router_ml import Router

LONG = {
    "de": "Bitte fasse den folgenden Bericht in drei Sätzen zusammen und nenne am Ende die wichtigste Zahl.",
    "tr": "Lütfen bu raporu üç cümlede özetle ve sonunda en önemli sayıyı belirt, teşekkürler.",
    "ja": "次の報告書を三つの文で要約し、最後に最も重要な数字を挙げてください。よろしくお願いします。",
    "ru": "Пожалуйста, кратко изложи этот отчёт в трёх предложениях и назови самое важное число.",
}
THANKS = (
    "ok merci",
    "ok danke",
    "vale, gracias",
    "ok grazie",
    "obrigado",
    "tack",
    "ок спасибо",
    "谢谢",
    "ありがとう",
    "감사합니다",
)


@pytest.mark.parametrize("code", LONG)
def test_a_long_text_abstains_and_raises_the_tier(router: Router, code: str) -> None:
    """The classifier was not validated on it, so it must say that it does not know; it blocks nothing by itself."""
    decision = router.predict_route(LONG[code])
    assert decision.language.code == code
    assert not decision.language.validated
    assert decision.intent.abstained
    assert decision.domain.abstained
    assert decision.risk_tier != "low"
    assert decision.guard_state == "clean"


@pytest.mark.parametrize("text", THANKS)
def test_short_thanks_in_any_language_stay_with_everybody_else(router: Router, text: str) -> None:
    decision = router.predict_route(text)
    assert decision.action == "route"
    outside = {name for name, lane in router.config.lanes.items() if lane.boundary != "private"}
    assert outside & set(decision.eligible)


def test_english_is_not_raised_for_its_language(router: Router) -> None:
    decision = router.predict_route("Write a Python function that reverses a linked list.")
    assert decision.language.validated
    assert not decision.intent.abstained
    assert decision.risk_tier == "low"
