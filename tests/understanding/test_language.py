"""Language: told offline, undetermined rather than guessed, and never a reason to fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.understanding.language import CODES, UNDETERMINED, detect

TEXTS = {
    "en": "Please cancel my subscription at the end of the month and send me a confirmation.",
    "de": "Bitte kündigen Sie mein Abonnement zum Monatsende und schicken Sie mir eine Bestätigung.",
    "fr": "Merci de résilier mon abonnement à la fin du mois et de m'envoyer une confirmation.",
    "es": "Por favor, cancele mi suscripción a final de mes y envíeme una confirmación.",
    "pt": "Por favor, cancele a minha assinatura no fim do mês e envie-me uma confirmação.",
    "it": "Per favore disdica il mio abbonamento a fine mese e mi mandi una conferma.",
    "nl": "Zeg mijn abonnement aan het einde van de maand op en stuur mij een bevestiging.",
    "pl": "Proszę anulować moją subskrypcję z końcem miesiąca i przesłać potwierdzenie.",
    "tr": "Lütfen aboneliğimi ay sonunda iptal edin ve bana bir onay gönderin.",
    "ru": "Пожалуйста, отмените мою подписку в конце месяца и пришлите подтверждение.",
    "ja": "月末で定期購読を解約して、確認のメールを送ってください。",
    "zh": "请在月底取消我的订阅，并给我发送确认信息。",
    "ko": "월말에 구독을 취소하고 확인 메일을 보내 주세요.",
    "ar": "يرجى إلغاء اشتراكي في نهاية الشهر وإرسال تأكيد لي.",
    "hi": "कृपया महीने के अंत में मेरी सदस्यता रद्द करें और मुझे पुष्टि भेजें।",
    "th": "กรุณายกเลิกการสมัครสมาชิกของฉันในสิ้นเดือนและส่งการยืนยันมาให้ฉัน",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_told(code: str) -> None:
    assert detect(TEXTS[code]) == code


@pytest.mark.parametrize("text", ["Where is my order?", "thanks, that helped", "What time is it in Lisbon?"])
def test_short_english_is_english(text: str) -> None:
    """Most requests are short; flagging them would raise the tier of half the traffic."""
    assert detect(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "12345 67890",
        "🙂🙂🙂",
        "asdkfj qpwoei zmxncb alskdj qwpeor tyghbn vmcnxz laksjd woeiru nbvmcx",
        "xkjq wvzp lrtd bnmg hjkw qqzx vvbn mmlk ppod ttgh wwsx ccde rrfv ttgb",
    ],
)
def test_what_is_no_language_is_undetermined(text: str) -> None:
    assert detect(text) == UNDETERMINED


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    """Code points that the detector does not take, surrogates and control characters included."""
    code = detect(text)
    assert code == code.lower()
    assert 2 <= len(code) <= 3 or code.startswith("x")


@pytest.mark.parametrize(
    "text", ["\x00\x01 hello there my friend, how are you today", "\ud800 where is my order please"]
)
def test_broken_characters_do_not_hide_the_language(text: str) -> None:
    assert detect(text) == "en"


def test_every_code_that_is_detected_is_listed() -> None:
    """Rules on languages are checked against the list."""
    assert {detect(text) for text in TEXTS.values()} == set(TEXTS) <= CODES
    assert {UNDETERMINED, "he", "jv"} <= CODES
    assert not {"un", "iw"} & CODES
