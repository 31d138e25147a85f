"""Write ``outcomes.csv``: what a small company could export from its own chat assistant.

Wheelhouse rents and repairs bicycles. Until mid-October its staff picked a model by hand; since then each question is
drawn between three models, and the export says with which chances. Nothing here is real: questions are put together
from parts, ratings are drawn. The same seed gives the same bytes: ``python examples/import/make_outcomes.py``.
"""

from __future__ import annotations

import csv
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

SEED, ROWS, DRAWN_FROM = 11, 840, 320
MODELS = {"llama-8b-onsite": (0.03, 0.06, 9), "mistral-small": (0.1, 0.3, 12), "gpt-4.1": (2.0, 8.0, 14)}
LIKED = {  # how often an answer of each model pleases, by kind of question
    "lookup": (0.70, 0.84, 0.88),
    "summary": (0.74, 0.80, 0.86),
    "fields": (0.82, 0.80, 0.85),
    "sorting": (0.80, 0.84, 0.86),
    "letter": (0.58, 0.76, 0.84),
    "code": (0.40, 0.62, 0.86),
    "thinking": (0.36, 0.58, 0.83),
}
BIKES = ["cargo bike", "city bike", "folding bike", "e-bike", "tandem", "gravel bike", "kids' bike", "touring bike"]
PARTS = ["rear brake", "chain", "battery", "front light", "gear hub", "saddle clamp", "dynamo", "mudguard"]
PLACES = ["the harbour shop", "the station shop", "the north depot", "the university stand", "the ferry terminal"]
DAYS = ["on Monday", "last weekend", "before the holidays", "in the rain", "for two weeks", "since the last service"]
FEEL = ["and the customer is waiting", "and it has to be short", "", "", "please be exact", "so that staff can use it"]
KINDS = {
    "lookup": (
        "How long may a {bike} be kept after a rental {day}?",
        "Which deposit do we take for a {bike} at {place}?",
        "Is a worn {part} covered when a {bike} was rented {day}?",
        "What are the opening hours of {place} for returning a {bike}?",
        "Can a customer swap a {bike} for a {bike2} {day} without a new contract?",
    ),
    "summary": (
        "Summarise for the shift lead: the {bike} came back to {place} {day} with a loose {part}; the mechanic ordered "
        "a new one, promised it within {n} days, and lent the customer a {bike2} meanwhile. {feel}",
        "Sum up these notes in two sentences: {n} complaints about the {part} {day}, most from {place}, two refunds "
        "agreed, one {bike} taken out of service. {feel}",
    ),
    "fields": (
        "Extract model, part, place and price as JSON: '{bike}, new {part} at {place}, {n},50 EUR, paid by card'",
        "Extract all dates and amounts from this note: {bike} rented {day}, {n} EUR deposit held at {place}, {n2} EUR "
        "kept for the {part}.",
    ),
    "sorting": (
        "Classify this ticket as billing, damage, booking or praise: 'The {bike} from {place} had a bad {part} {day}.'",
        "Is this review positive, mixed or negative? 'Nice {bike}, awful {part}, but {place} helped.'",
    ),
    "letter": (
        "Write a friendly reply to a customer whose {bike} had a bad {part} {day}; offer a free service at {place}. "
        "{feel}",
        "Draft a notice for {place}: no {bike} rentals {day} because of a recall of the {part}. {feel}",
        "Rewrite this more politely: 'We told you the {part} of the {bike} is your problem, come to {place}.' {feel}",
    ),
    "code": (
        "Write a Python function that returns which {bike} is free at a given hour from a list of bookings with start "
        "and end, and test it with {n} bookings. {feel}",
        "This SQL counts rentals per shop but leaves out {place} when it had none {day}. Fix it: SELECT shop, count(*) "
        "FROM rentals JOIN shops USING (shop_id) GROUP BY shop",
        "Why does our webhook book a {bike} twice when the payment is retried {n} times? Show a fix in Python. {feel}",
    ),
    "thinking": (
        "We own {n} of each {bike} and {bike2}. {place} rents {n2} a day, repairs take three days and the {part} fails "
        "every {n} rentals. How many spare ones do we need so that nobody waits? Show the steps.",
        "Compare leasing {n} units of the {bike} for 36 months with buying them, if each {part} costs {n2} EUR twice a "
        "year. Where is break-even? {feel}",
    ),
}
PRIVATE = " Their address is {name}.{n}@wheelhouse-rentals.eu and they want to be told by mail."
NAMES = ["alva", "boris", "chike", "dana", "emre", "fay"]
HEADER = "ticket asked_at question answered_by chances thumb cost_usd seconds employee team".split()


def question(draw: random.Random, kind: str) -> str:
    """A question of a kind, put together from parts."""
    bike, other = draw.sample(BIKES, 2)
    parts = {
        "bike": bike,
        "bike2": other,
        "part": draw.choice(PARTS),
        "place": draw.choice(PLACES),
        "day": draw.choice(DAYS),
        "feel": draw.choice(FEEL),
        "n": draw.randint(3, 48),
        "n2": draw.randint(50, 99),
    }
    text = draw.choice(KINDS[kind]).format(**parts).strip()
    if draw.random() < 0.04:
        text += PRIVATE.format(name=draw.choice(NAMES), n=draw.randint(10, 99))
    return text


def chances(kind: str) -> list[float]:
    """With which chances the models are drawn: the one that staff would take more often, every one sometimes."""
    favourite = {"code": 2, "thinking": 2, "fields": 0, "sorting": 0}.get(kind, 1)
    return [0.6 if index == favourite else 0.2 for index in range(3)]


def row(draw: random.Random, number: int, at: datetime) -> list[str]:
    """One line of the export."""
    names, kind = list(MODELS), draw.choice(list(KINDS))
    given = chances(kind)
    text, drawn = question(draw, kind), number >= DRAWN_FROM
    by_hand = 2 if kind in ("code", "thinking") and draw.random() < 0.5 else 1
    model = draw.choices(range(3), given)[0] if drawn else by_hand
    liked, asked = draw.random() < LIKED[kind][model], draw.random() < 0.7  # the assistant asks for 70% of ratings
    price_in, price_out, pace = MODELS[names[model]]
    tokens_in, tokens_out = len(text) // 4 + 300, draw.randint(60, 420)
    return [
        f"WH-{10000 + number}",
        at.strftime("%d.%m.%Y %H:%M:%S"),
        text,
        names[model],
        json.dumps(dict(zip(names, given, strict=True))) if drawn else "",
        ("up" if liked else "down") if asked else "",
        f"{(tokens_in * price_in + tokens_out * price_out) / 1e6:.8f}",
        f"{0.2 + tokens_out * pace / 1000 * draw.uniform(0.8, 1.3):.2f}",
        f"staff-{draw.randint(1, 40):02d}",
        draw.choice(["rental", "workshop", "web"]),
    ]


def main() -> None:
    """Write the file beside this one."""
    draw, at = random.Random(SEED), datetime(2026, 10, 1, 8, 0)
    with (Path(__file__).parent / "outcomes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(ROWS):
            at += timedelta(minutes=draw.uniform(5, 150))
            writer.writerow(row(draw, number, at))


if __name__ == "__main__":
    main()
