"""What is wrong with the grounding of an answer, against the passages, the sources and the right answer of its case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from router_ml.execution.lanes.reply import Reply
from router_ml.execution.retrieval.words import numbers
from router_ml.execution.validation.citations import citations_of
from training.evals.case import Case
from training.evals.grounding.entailing import Entailment
from training.evals.grounding.features import Embed, contradicts, negated, shared, spoken, strangers, unheard
from training.evals.grounding.reading import Claim, abstains, attributed, guesses, has, read
from training.evals.grounding.required import (
    drops_condition,
    figures,
    lead,
    other_times,
    other_units,
    same_spans,
    without_lead,
)
from training.evals.suite import Suite

_OF_USE = 0.5  # share of the words of a claim that a passage has which is no source and bears it all the same
FACTS = "grounded_facts"
"""Name of the check that a case gives its key facts."""


CERTAIN = "contradicted"
"""Of the failures ``unsupported`` those that no other words for the same explain."""


@dataclass(frozen=True)
class Judged:
    """``failures`` -> what to tell a reader. ``precision``: share of the passages cited that bear what cites them;
    ``recall``: share of the claims that a passage cited in the answer bears; None where there is nothing to count."""

    failures: Mapping[str, str] = field(default_factory=dict)
    precision: float | None = None
    recall: float | None = None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        if self.precision is None or self.recall is None:
            return None
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def facts_of(case: Case) -> list[list[str]]:
    """The key facts of the right answer to a case, each in the ways in which it may be put."""
    return [fact for one in case.checks if one.check == FACTS for fact in one.given.get("facts", [])]


def lacking(text: str, facts: Sequence[Sequence[str]]) -> list[str]:
    """The key facts that a text has in none of the ways given, each in the first of them."""
    return [ways[0] for ways in facts if not any(has(text, way) for way in ways)]


@dataclass(frozen=True)
class Judge:
    """Judges answers to one case. ``passages``: id -> text of those given, ``titles``: where they are from."""

    case: Case
    passages: Mapping[str, str]
    model: Entailment
    embed: Embed | None = None
    titles: tuple[str, ...] = ()

    def bears(self, claim: str, ids: Sequence[str]) -> float:
        """How likely passages together bear a claim, 0..1.

        What the right answer says of the same passages, or of none, counts as said by them: what follows from them, as
        a sum, is not in their words. So do the numbers of the question.
        """
        claim = spoken(claim)
        text = "\n".join(self.passages[name] for name in ids)
        if not set(ids) & set(self.case.sources):
            doubtful = contradicts(claim, text) or unheard(claim, text)
            return 0.0 if doubtful else self.model.probability(claim, text, self.embed)
        if self._against(claim, ids):
            return 0.0
        right = self._right(ids)
        both = f"{text}\n{right}"
        if lead(claim) is not None and lead(claim) == lead(right):
            claim = without_lead(claim)
        if unheard(claim, f"{self.case.ask}\n{both}") or strangers(claim, f"{self._around()}\n{both}"):
            return 0.0
        excused = numbers(f"{self.case.ask or ''} {right}") | same_spans(claim, f"{self.case.ask} {both}")
        denied = lead(right) == "no" or negated(right)
        ways = (text, both)
        return max(self.model.probability(claim, one, self.embed, excused=excused, denied=denied) for one in ways)

    def _against(self, claim: str, ids: Sequence[str]) -> str:
        """What a claim certainly has otherwise than the sources it cites and the right answer; empty: nothing."""
        both = "\n".join((*(self.passages[name] for name in ids), self._right()))
        known = f"{self.case.ask}\n{both}"
        if contradicts(claim, both):
            return "a turned negation, or the opposite word"
        if other_times(claim, known):
            return "another day, date or time"
        if figures(claim) - numbers(known) - same_spans(claim, known):
            return "another number"
        if other_units(claim, known):
            return "another unit"
        return ""

    def _of_another(self, text: str) -> str | None:
        """A part of a sentence with a number that is not in what it cites, but in another passage cited there."""
        parts = attributed(text, self.case.passages)
        cited = {name for _, ids in parts for name in ids}
        for said, ids in parts:
            here = numbers(f"{self.case.ask} {' '.join(self.passages[name] for name in ids)}")
            if (figures(said) - here) & numbers(" ".join(self.passages[name] for name in cited - set(ids))):
                return said
        return None

    def _right(self, ids: Sequence[str] = ()) -> str:
        """The right answer without its brackets; of some passages: the sentences that cite one of them, or none."""
        said = read(self.case.reference or "", self.case.passages)
        return " ".join(one.text for one in said if not ids or not one.cited or set(one.cited) & set(ids))

    def _is_talk(self, claim: str) -> bool:
        """Whether a sentence is about the conversation: no figure, no name, and hardly a word of the matter."""
        known = f"{self._around()}\n{self._right()}"
        return unheard(claim, known) and not figures(claim) and not strangers(claim, known)

    def _around(self) -> str:
        """What an answer may take names from beside what it cites."""
        return "\n".join((self.case.ask or "", *self.passages.values(), *self.titles))

    def judge(self, reply: Reply) -> Judged:
        """What is wrong with an answer."""
        cited = citations_of(reply, self.case.passages, required=self.case.answerable)
        claims = read(reply.text, self.case.passages)
        failures: dict[str, str] = {}
        if cited.invented:
            failures["invented_citation"] = f"cites {', '.join(cited.invented[:3])}"
        silent = abstains(reply.text)
        if not self.case.answerable:
            if not silent or guesses(reply.text, "\n".join((self._around(), *self.passages))):
                failures["no_abstention"] = "gives an answer that the passages do not have"
            return Judged(failures)
        if silent and not (set(cited.known) & set(self.case.sources) and not lacking(reply.text, facts_of(self.case))):
            return Judged({**failures, "over_abstention": "says that the passages do not answer the question"})
        right = self.case.reference or ""
        said = lead(spoken(reply.text))
        if {said, lead(right)} == {"yes", "no"}:
            failures[CERTAIN] = f"says {said} where {lead(right)} is right"
        elif drops_condition(reply.text, self._right()):
            failures[CERTAIN] = "drops the condition of the right answer"
        for one in claims:
            if set(one.cited) & set(self.case.sources) and (why := self._against(one.text, one.cited)):
                failures.setdefault(CERTAIN, f"{', '.join(one.cited)}: {why}: {one.text[:120]}")
        if CERTAIN in failures:
            failures["unsupported"] = failures[CERTAIN]
        elif (other := self._of_another(reply.text)) is not None:
            failures["unsupported"] = f"cites for a number of another passage: {other[:120]}"
        return self._held_against(claims, cited.known, failures)

    def _held_against(self, claims: Sequence[Claim], known: tuple[str, ...], failures: dict[str, str]) -> Judged:
        needing = [one for one in claims if one.needs and (one.cited or not self._is_talk(one.text))]
        if not known:
            failures.setdefault("uncited", "cites no passage that it was given")
            return Judged(failures, 0.0, 0.0)
        borne = 0
        for one in needing:
            enough = self.bears(one.text, one.cited or known) >= self.model.enough
            borne += enough
            if not enough:
                failures.setdefault(
                    *("unsupported", f"{', '.join(one.cited)} does not bear: {one.text[:120]}")
                    if one.cited
                    else ("uncited", f"no passage cited bears: {one.text[:120]}")
                )
        precise = [name for name in known if name in self.case.sources or self._of_use(name, claims)]
        if stray := [name for name in known if name not in precise]:
            failures["wrong_source"] = f"{', '.join(stray)} does not answer the question"
        elif not set(known) & set(self.case.sources):
            failures["wrong_source"] = f"cites {', '.join(known)}, not {', '.join(self.case.sources)}"
        return Judged(failures, len(precise) / len(known), borne / len(needing) if needing else 1.0)

    def _of_use(self, name: str, claims: Sequence[Claim]) -> bool:
        """Whether a passage that is no source bears something that cites it, such as how a rule was before."""
        bearing = (one for one in claims if name in one.cited and shared(one.text, self.passages[name]) >= _OF_USE)
        return any(self.bears(one.text, [name]) >= self.model.enough for one in bearing)


def judging(suite: Suite, case: Case, model: Entailment, embed: Embed | None) -> Judge:
    """A judge of answers to a case of a suite."""
    given = suite.passages_of(case)
    return Judge(case, {one.id: one.text for one in given}, model, embed, tuple(one.source for one in given))
