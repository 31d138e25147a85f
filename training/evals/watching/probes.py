"""Short prompts that are asked of a lane again and again, to see whether it still answers as it did.

They ask for different things in different forms, are made up, and need nothing but the lane. Answers are compared with
the lane's own earlier ones, never with a right one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from router_ml.config import RouterConfig
from router_ml.contract import Decoding
from router_ml.execution.lanes.calls import LaneCall, Lanes
from router_ml.execution.lanes.failures import LaneFailure

PROBES = (
    "Name three uses of baking soda, one per line.",
    "Write one sentence about a lighthouse in fog.",
    "What is 17 times 23? Answer with the number only.",
    "Translate into French: the meeting was moved to Thursday.",
    "Give a synonym of 'stubborn'. One word.",
    "Is a tomato a fruit? Answer yes or no, then say why in one sentence.",
    'Return JSON with the keys "city" and "country" for Lisbon.',
    "Finish the line: the bridge had been closed since",
    "List the first five prime numbers, separated by commas.",
    "Say in at most ten words why the sky is blue.",
    "Write a subject line for an e-mail that asks for a refund.",
    "Which is heavier: a kilo of iron or a kilo of wool? One short sentence.",
    "Turn this into a question: the train leaves at six.",
    "Correct the spelling: I recieved the adress yesterday.",
    "A shop sells pens at 3 for 2 euros. What do 12 pens cost? Show one line of working.",
    "Write a Python function that returns the last word of a sentence.",
    "Explain what an index in a database is, to a child, in two sentences.",
    "Sort these words: pear, apple, quince, fig.",
    "Sum up in one sentence: the parcel was late, the box was wet, and the shop sent another one the same day.",
    "Give a polite reply to: your invoice is wrong again!",
    "What is the opposite of 'expand'? One word.",
    "Write a two-line rhyme about a kettle.",
    "How many minutes are there in three and a half hours? The number only.",
    "Name a colour, an animal and a tool, as a bulleted list.",
    "Rewrite formally: can't make it today, sorry.",
    "What would you ask before you recommended a bicycle to someone? One question.",
    "Is this a complaint or a question: where has my order been for three weeks? One word.",
    "State one reason for and one against working from home.",
    "Extract the date: the lease was signed on 4 May 2019 in Bern.",
    "Describe the taste of a lemon without the word 'sour'.",
)
"""Thirty of them; another set is another baseline."""

_MAX_TOKENS = 160
_AT_ONCE = 4


@dataclass
class Heard:
    """What a lane said: ``answers`` by probe, in the order of asking; ``served``: models and fingerprints that it says
    it was, with how often; ``failed`` calls by why; ``cost_usd`` of those that say so."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    served: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0


async def ask_probes(lanes: Lanes, config: RouterConfig, lane: str, *, times: int) -> Heard:
    """Ask each probe so many times at temperature 0, a few at once. A call that fails is counted and left out."""
    heard, places = Heard({probe: [] for probe in PROBES}), asyncio.Semaphore(_AT_ONCE)
    timeout_s = config.lanes[lane].endpoint.timeout_ms / 1000

    async def ask(probe: str) -> None:
        call = LaneCall(
            lane,
            [{"role": "user", "content": probe}],
            Decoding(temperature=0.0, max_tokens=_MAX_TOKENS),
            timeout_s,
        )
        async with places:
            try:
                reply = await lanes.call(call)
            except LaneFailure as failure:
                heard.failed[failure.kind] += 1
                return
        heard.answers[probe].append(reply.text)
        heard.served[reply.served_model, reply.fingerprint] += 1
        heard.cost_usd += reply.usage.cost_usd or 0.0

    await asyncio.gather(*(ask(probe) for _ in range(times) for probe in PROBES))
    return heard
