"""``python -m training.evals.grounding.measure [--json]``: how often the checks of groundedness are wrong.

pairs     claims beside passages: our model, the same without the encoder and the lexical baseline, each fitted to half
          of the documents and measured on the other half, over 20 splits; then the weights that ship on the documents
          that they were not fitted to
answers   right answers, phrased in another way than the references: those that nothing was changed for, and the others
spoilt    references spoilt in ways that are known: the share that is found
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from router_ml.execution.lanes.reply import Reply
from training.evals.case import Case
from training.evals.grounding import encoding, entailing, spoilt
from training.evals.grounding.entailing import Entailment
from training.evals.grounding.features import LEXICAL, NAMES, Embed, contradicts
from training.evals.grounding.fit import fit, rows_of
from training.evals.grounding.judged import facts_of, judging, lacking
from training.evals.grounding.pairs import KINDS, Pair, answers, document, with_derived, written
from training.evals.grounding.reading import abstains
from training.evals.suite import Suite, load_suite

SPLITS = 20
COMPARED = 0.1
"""Share of right claims, of the half fitted to, that contenders may miss where they are compared."""


def auc(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Share of pairs of a right and a wrong claim of which the right one has the higher score; ties count half."""
    above = scores[right][:, None] - scores[~right]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def compared(
    pairs: Sequence[Pair], rows: NDArray[np.float64], agreeing: NDArray[np.bool_], *, splits: int = SPLITS
) -> dict[str, Any]:
    """Contender -> mean and standard deviation over splits by document: AUC, and the share of each kind that falls
    below the threshold (a mistake for those that are right).

    Args:
        rows: features (n, k) of the pairs.
        agreeing: (n,) whether the passage does not contradict the claim; our models give 0 where it does.
    """
    right = np.array([one.right for one in pairs])
    kinds = np.array([one.kind for one in pairs])
    documents = np.array([document(one.passage) for one in pairs])
    found: dict[str, list[list[float]]] = {"lexical baseline": [], "without encoder": [], "with encoder": []}
    for seed in range(splits):
        shuffled = np.random.default_rng(seed).permutation(np.unique(documents))
        held = np.isin(documents, shuffled[: len(shuffled) // 2])
        kept = [one for one, out in zip(pairs, held, strict=True) if not out]
        models = {
            name: fit(kept, rows[~held], names=of, missed=COMPARED)
            for name, of in (("without encoder", LEXICAL), ("with encoder", NAMES))
        }
        scored = {name: (one.of(rows[:, : len(one.names)]) * agreeing, one.enough) for name, one in models.items()}
        base = rows[:, 0]
        scored["lexical baseline"] = base, float(np.quantile(base[~held & (kinds == "supported")], COMPARED))
        for name, (scores, enough) in scored.items():
            below = [float((scores[held & (kinds == kind)] < enough).mean()) for kind in KINDS]
            found[name].append([auc(scores[held], right[held]), *below])
    return {
        name: {
            what: (round(mean, 3), round(spread, 3))
            for what, mean, spread in zip(("auc", *KINDS), np.mean(all_, 0), np.std(all_, 0), strict=True)
        }
        for name, all_ in found.items()
    }


def failing(suite: Suite, items: Iterable[tuple[Case, str]], model: Entailment, embed: Embed) -> dict[str, Any]:
    """How many answers there are, and of each failure how many fail so, with an upper bound (95%, one-sided, exact)."""
    count, counted = 0, Counter[str]()
    for case, text in items:
        count += 1
        failures = [*judging(suite, case, model, embed).judge(Reply(text=text)).failures]
        if lacking(text, facts_of(case)) and not abstains(text):
            failures.append("incomplete")
        counted.update({*failures, *(["any"] if failures else [])})
    return {
        "answers": count,
        **{name: (found, round(float(beta.ppf(0.95, found + 1, count - found)), 3)) for name, found in counted.items()},
    }


def measured() -> dict[str, Any]:
    """All of it."""
    suite, model, embed = load_suite("groundedness"), entailing.load(), encoding.shipped()
    pairs = with_derived(suite, written())
    rows = rows_of(suite, pairs, embed)
    agreeing = np.array([not contradicts(one.claim, suite.passages[one.passage].text) for one in pairs])
    scores = model.of(rows[:, : len(model.names)]) * agreeing
    shipped = {
        kind: (
            int(sum(score < model.enough for one, score in zip(pairs, scores, strict=True) if _of(one, kind))),
            sum(_of(one, kind) for one in pairs),
        )
        for kind in KINDS
    }
    cases = {case.id: case for case in suite.cases}
    right = {
        name: [(cases[one.case], one.answer) for one in answers() if one.fresh is fresh]
        for name, fresh in (("fresh", True), ("seen while the checks were written", False))
    }
    answerable = [case for case in suite.cases if case.answerable]
    found: dict[str, Any] = {}
    for way, (spoil, failure) in spoilt.WAYS.items():
        texts = [(case, text) for case in answerable if (text := spoil(case)) and text != case.reference]
        said = failing(suite, texts, model, embed)
        found[way] = (said.get(failure, (0,))[0], len(texts), failure)
    return {
        "pairs": compared(pairs, rows, agreeing),
        "shipped": shipped,
        "answers": {name: failing(suite, some, model, embed) for name, some in right.items()},
        "references": failing(suite, [(case, case.reference or "") for case in suite.cases], model, embed),
        "spoilt": found,
    }


def _of(pair: Pair, kind: str) -> bool:
    return pair.held and pair.kind == kind


def main(json_: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
    """How often the checks of groundedness are wrong."""
    found, console = measured(), Console()
    if json_:
        console.print_json(json.dumps(found))
        return
    table = Table("", *found["pairs"], title=f"Held-out halves of the documents, {SPLITS} splits (spread)")
    for what in ("auc", *KINDS):
        table.add_row(what, *(f"{one[what][0]:.3f} ({one[what][1]:.3f})" for one in found["pairs"].values()))
    console.print(table)
    console.print("Weights that ship, held-out documents, below the threshold:", found["shipped"])
    for name, said in (*found["answers"].items(), ("references", found["references"])):
        console.print(f"Right answers that fail, {name}:", said)
    for way, (caught, count, failure) in found["spoilt"].items():
        console.print(f"Spoilt, {way}: {caught} of {count} found as {failure}")


if __name__ == "__main__":
    typer.run(main)
