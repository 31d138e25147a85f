"""Write ``labels.jsonl``: requests of Wheelhouse in its own words, as staff could label a few hundred in a day.

Wheelhouse is the made-up company of ``examples/import``. Requests are filled in from sentences; those of one sentence
are one ``group``, so no sentence is both learned from and measured on. The same seed gives the same bytes:
``python examples/bring_your_own/make_labels.py``.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

SEED, OF_EACH = 5, 4
BIKES = ["cargo bike", "city bike", "folding bike", "e-bike", "tandem", "gravel bike", "kids' bike", "touring bike"]
PARTS = ["rear brake", "chain", "battery", "front light", "gear hub", "saddle clamp", "dynamo", "mudguard"]
PLACES = ["the harbour shop", "the station shop", "the north depot", "the university stand", "the ferry terminal"]
SENTENCES = {
    ("lookup", "rental"): (
        "May a {bike} be taken on the ferry?",
        "Where can customers park near {place}?",
        "What is our late fee for a {bike}?",
        "What does a {bike} cost for {n} days?",
        "Until when can I bring the {bike} back to {place}?",
        "Is there a discount on {bike} rentals for groups of {n}?",
        "Do we deliver a {bike} to hotels near {place}?",
        "Which ID does a customer have to show when renting a {bike}?",
    ),
    ("lookup", "workshop"): (
        "Who is allowed to change the {part} of an {bike}?",
        "Where do we keep the tools for the {part}?",
        "When does the warranty of a {part} end?",
        "How long does it take to change the {part} on a {bike}?",
        "Which {part} fits our {bike}?",
        "Do we have a spare {part} at {place}?",
        "How often should the {part} of a {bike} be serviced?",
        "What torque is right for the {part}?",
    ),
    ("summary", "rental"): (
        "TL;DR please: three mails about the {bike}, the customer first cancels, then wants {n} days more.",
        "Summary for the morning meeting: {place} had {n} rentals, two complaints and a broken till.",
        "What did the customer say in short? She liked the {bike}, missed a lock, and paid {n} euros too much.",
        "Summarise the feedback of our {bike} customers: long queues at {place}, friendly staff, "
        "{n} asked for helmets.",
        "Give me the gist of this thread: a family rented the {bike}, came back {n} hours late and disputes the fee.",
        "In two sentences, what happened at {place} today? {n} rentals, one lost key, one {bike} left at the beach.",
        "Boil this down for the owner: rentals of the {bike} rose, {place} was closed for {n} "
        "days, deposits are overdue.",
        "Shorten these notes: customer wanted a {bike}, got another one, waited {n} minutes, was given a voucher.",
    ),
    ("summary", "workshop"): (
        "Give a short overview of these {n} job cards: mostly {part}, some punctures, one bent frame.",
        "Sum up this phone call: the supplier sends the {part} in {n} days, without invoice, to {place}.",
        "Summarise in plain words what was done to the {bike}: {part} adjusted, bolts checked, software updated.",
        "Summarise this repair log: {bike}, {part} replaced, test ride fine, {n} minutes of work, customer informed.",
        "Sum up for the mechanic on duty: the {part} squeaks, was greased at {place}, squeaks again after {n} km.",
        "What are the main points? The {bike} lost its {part}, we ordered one, the wrong size came {n} days later.",
        "Condense the week in the workshop: {n} jobs, most about the {part}, one {bike} written off.",
        "Wrap up this inspection in one line: {bike} from {place}, {part} worn to {n} percent, tyres good.",
    ),
    ("fields", "rental"): (
        "Extract name of the shop, bike and hours as JSON: '{place}, {bike}, {n} h'.",
        "Fill in a table with start, end and bike: 'the {bike} was out from 9 to 17 on day {n}'.",
        "Extract all prices from this receipt: {bike} {n} euros, basket 4 euros, {place}.",
        "Turn this booking into JSON: {bike}, {n} hours, pick-up at {place}, paid in cash.",
        "List bike, shop and duration from: 'we took the {bike} at {place} for {n} hours'.",
        "Pull the contract number and the deposit out of: contract R-{n}7, {bike}, deposit {n} euros, {place}.",
        "Give me a table row with date, bike and price: on the {n}th a {bike} went out at {place} for {n} euros.",
        "Which amounts are named here? 'Rent {n} euros for the {bike}, late fee 12 euros, helmet free.'",
    ),
    ("fields", "workshop"): (
        "Extract part, quantity and shop as CSV: '{n} x {part} for {place}'.",
        "Return JSON with bike, fault and hours: the {bike}'s {part} took {n} hours.",
        "Extract dates and part numbers: '{part} no. {n}-77, ordered on Monday, due on Friday'.",
        "Extract the parts and prices: {part} {n} euros, labour 35 euros, for the {bike} at {place}.",
        "As JSON please: job {n}, {bike}, {part} changed, new cable, test ride done.",
        "Find frame number and fault in: 'frame WH{n}K, {bike}, {part} loose, seen at {place}'.",
        "Put this job card into columns: {bike}; {part}; {n} minutes; mechanic at {place}.",
        "Read off the order number and the part: 'order {n}-B, one {part} for the {bike}'.",
    ),
    ("sorting", "rental"): (
        "Classify this request as new booking, change or complaint: 'can I get a {bike} instead?'",
        "Is the tone of this message angry, neutral or happy? '{n} minutes and still no {bike}!'",
        "Sort this into lost, late or broken: '{bike} not returned to {place}'.",
        "Is this about price, booking or damage? 'I waited {n} minutes at {place} and my {bike} was gone.'",
        "Label this review good, bad or mixed: 'the {bike} was great, {place} was a mess'.",
        "Which team should get this message: 'you charged me {n} euros twice for the {bike}'?",
        "Urgent or not? 'I am at {place}, the {bike} is locked and nobody answers.'",
        "Pick one tag, refund, extension or question: 'can I keep the {bike} for {n} more days?'",
    ),
    ("sorting", "workshop"): (
        "Classify the fault as mechanical or electric: the {part} of the {bike} cuts out.",
        "Tag this job as small, medium or large: {part} on {n} bikes.",
        "Does this note describe a repair, an inspection or an order? '{part} looked at, fine'",
        "Is this fault safety-critical, annoying or cosmetic? 'the {part} of the {bike} rattles'",
        "Warranty or wear? 'the {part} broke after {n} km'",
        "Choose a category, brakes, drive, lights or frame: '{bike} at {place}, {part} does not work'.",
        "Grade this damage from A to D: {bike}, scratched {part}, {n} cm.",
        "Does this job go to {place} or to the maker? '{part} of the {bike} under recall'",
    ),
    ("letter", "rental"): (
        "Write a welcome mail for customers who rent a {bike} for {n} days.",
        "Draft a polite refusal: no {bike} is free at {place} that weekend.",
        "Rewrite this in two polite sentences: 'no deposit, no {bike}'.",
        "Write a short mail: your {bike} is waiting at {place} from {n} o'clock.",
        "Draft an apology for a customer whose {bike} was not there at {place}; offer {n} percent off.",
        "Make this sound friendlier: 'You are {n} hours late. Bring the {bike} to {place} now.'",
        "Compose a text message that reminds of the return of the {bike} tomorrow at {place}.",
        "Answer this customer in our tone: she wants the deposit of {n} euros for the {bike} back.",
    ),
    ("letter", "workshop"): (
        "Write a message that the {part} is out of stock for {n} days and that we are sorry.",
        "Draft an invitation to the free check of the {part} at {place}.",
        "Put this nicely in a mail: 'you broke the {part}, you pay {n} euros'.",
        "Write to the customer that the {part} of the {bike} is done and costs {n} euros.",
        "Draft a letter to the supplier: {n} pieces of the {part} came bent; we want new ones at {place}.",
        "Word a notice for {place}: no repairs of the {part} until the {n}th.",
        "Reply kindly that we cannot repair the {part} of a {bike} bought elsewhere.",
        "Rephrase for a customer: '{part} shot, {bike} unsafe, {n} euros or leave it'.",
    ),
    ("code", "office"): (
        "Write SQL that counts rentals of each bike at {place} in the last {n} days.",
        "Fix this Python: def price(d): return d * {n} if bike = '{bike}' else 0",
        "Write a JavaScript function that shows {n} free slots of {place}.",
        "Why does our API return 500 when the {part} field is empty? Find the bug and show a patch in Python.",
        "Write a Python function that sums the rents of a list of {bike} bookings longer than {n} days.",
        "This query is slow: SELECT * FROM rentals WHERE shop = '{place}' AND days > {n}. How do I index it?",
        "Our booking page crashes when {n} people choose the {bike}. Where could the race "
        "condition be? Here is the code.",
        "Make a regular expression for frame numbers such as WH{n}K.",
        "Give me a shell script that copies the photos of the {part} from {place} every {n} minutes.",
        "Why does my loop skip every second {bike}? for b in bikes: if b.age > {n}: bikes.remove(b)",
        "Write a unit test for late_fee(hours), which is free up to {n} hours.",
    ),
    ("planning", "office"): (
        "We own {n} of each {bike}. How many spare ones do we need if a repair takes three days? Show the steps.",
        "Work out the break-even of leasing {n} bikes for 36 months against buying them.",
        "How many helmets do we need so that {place} runs out on fewer than one day in {n}? Reason step by step.",
        "We have {n} mechanics and twice as many jobs with the {part}. In which order should we do them, and why?",
        "If the {bike} rents {n} times a month and costs 1,900 euros, when has it paid for itself? Show the steps.",
        "Should {place} open on Sundays? It would need {n} more hours of staff and bring about 14 rentals.",
        "Work out how many of each {part} to stock when {n} fail a month and delivery takes three weeks.",
        "Compare moving {n} bikes from {place} by van with hiring a carrier; which is cheaper over a season?",
        "Plan the shifts of {n} people so that {place} and the workshop are never empty. Explain the trade-offs.",
        "How would rents have to change if the {part} got a third dearer and we keep {n} percent margin?",
    ),
}


def requests(draw: random.Random) -> list[dict[str, str]]:
    """Requests with their labels, in random order."""
    found: dict[str, dict[str, str]] = {}
    for (intent, domain), sentences in SENTENCES.items():
        for number, sentence in enumerate(sentences):
            for _ in range(OF_EACH):
                parts = {"bike": draw.choice(BIKES), "part": draw.choice(PARTS), "place": draw.choice(PLACES)}
                text = sentence.format(n=draw.randint(3, 48), **parts)
                group = f"{intent}-{domain}-{number}"
                found[text] = {"text": text, "intent": intent, "domain": domain, "group": group}
    rows = list(found.values())
    draw.shuffle(rows)
    return rows


def main() -> None:
    """Write the file beside this one."""
    with (Path(__file__).parent / "labels.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for row in requests(random.Random(SEED)):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
