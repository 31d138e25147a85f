"""The waist of the house: what is below it decides, what is above it asks for decisions.

How one request becomes a decision stands in the folder ``deciding``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from router_ml import telemetry
from router_ml.contract import Message, Outcome, OutputCheck, RouteDecision, RouteRequest, describe
from router_ml.deciding.answers import Answer, check_answer
from router_ml.deciding.arguments import numbered, stamped, with_fields
from router_ml.deciding.deadline import Claim
from router_ml.deciding.late import in_turns
from router_ml.deciding.operated import Operated
from router_ml.deciding.reading import Guards, read
from router_ml.deciding.rechecking import Read, Still, recheck
from router_ml.deciding.recording import Ack, record_check
from router_ml.errors import InvalidRequestError
from router_ml.guardrails import Scan
from router_ml.guardrails.rules import pins
from router_ml.rewards import rated
from router_ml.state.memory import Memory
from router_ml.state.sessions import private_risks
from router_ml.storage.database.entries import of_outcome
from router_ml.storage.loading import open_parts
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.understanding.attribution import Attribution


class Router(Operated):
    """Decides. Open one with ``Router.load``; it is safe to share between threads."""

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        *,
        config: str | Path | None = None,
        log: str | Path | None = None,
        threads: int = 1,
        tracking_uri: str | None = None,
        online: bool = False,
        memory: Memory | None = None,
    ) -> Router:
        """Open a router.

        Args:
            source: a bundle folder, ``models:/router@champion``, or a ``router.yaml`` to route without any learned
                part; by default ``$ROUTER_ML_MODEL``, else the bundle that ships.
            config: a ``router.yaml`` that replaces the bundle's.
            log: path or URL of the event log; by default ``$ROUTER_ML_LOG``, else what ``router.yaml`` says. What was
                spent today by what it holds counts against the budgets of the classes. Records go there through the
                spool that ``$ROUTER_ML_SPOOL`` or ``router.yaml`` names, if one does.
            threads: of the encoder.
            tracking_uri: of the registry; by default what MLflow is configured to.
            online: let the bandit learn from each outcome that ``log_outcome`` reports, in memory.
            memory: that of another router of this process, to share its log, what is down, sessions and money.

        Raises:
            BundleError, RegistryError, ConfigError: the source cannot be trusted, fetched or read.
        """
        opened = open_parts(
            source, config=config, log=log, threads=threads, tracking_uri=tracking_uri, keeps=memory is None
        )
        return cls(
            opened.config,
            bundle=opened.bundle,
            registry=opened.registry,
            log=opened.log,
            drain=opened.drain,
            online=online,
            guards=Guards.open(opened.config, folder=opened.folder),
            rewards=opened.rewards,
            memory=memory,
        )

    def predict_route(
        self,
        request: str | RouteRequest | Mapping[str, Any],
        *,
        seed: int | None = None,
        now: datetime | None = None,
        decision_id: str | None = None,
        **fields: Any,
    ) -> RouteDecision:
        """Decide one request; see ``router_ml.predict_route``."""
        return self.predict_claimed(with_fields(request, fields), None, seed=seed, now=now, decision_id=decision_id)

    def predict_routes(
        self,
        requests: Sequence[str | RouteRequest | Mapping[str, Any]],
        *,
        seeds: Sequence[int] | None = None,
        now: datetime | None = None,
        decision_ids: Sequence[str] | None = None,
        claim: Claim | None = None,
    ) -> list[RouteDecision]:
        """Decide many requests with one encoder pass: the same decisions as one by one.

        Args:
            seeds, decision_ids: one per request. claim: taken before anything is logged; once it is given up, nothing
                more is read.

        Raises:
            InvalidRequestError: names the first request that is wrong; nothing has been decided then. GivenUpError: the
                claim was given up.
        """
        if isinstance(requests, str) or not isinstance(requests, Sequence):
            raise InvalidRequestError(f"Expected a list of requests, found {type(requests).__name__}.")
        for name, given in (("seeds", seeds), ("decision_ids", decision_ids)):
            if given is not None and len(given) != len(requests):
                raise InvalidRequestError(f"Found {len(given)} {name} for {len(requests)} requests, expected as many.")
        parsed = [numbered(index, RouteRequest.parse, request) for index, request in enumerate(requests)]
        rules, began = self.rules, telemetry.clock()
        understood = in_turns(lambda some: read(rules.base.config, self.bundle, some), parsed, claim)
        stamps = [
            (seeds[i] if seeds else None, now, decision_ids[i] if decision_ids else None) for i in range(len(parsed))
        ]
        return self.decide_many(parsed, understood, rules=rules, stamps=stamps, began=began, claim=claim)

    def understand(self, requests: Sequence[RouteRequest]) -> list[Understanding]:
        """Encode and classify; without a bundle, only sizes and language are known."""
        return read(self.config, self.bundle, requests)

    def scan(self, request: str | RouteRequest | Mapping[str, Any]) -> Scan:
        """What the guards find in a request, without a decision: detectors, the user's own, and the tagger."""
        parsed = RouteRequest.parse(request)
        return self._scan(self.config, parsed, read(self.config, self.bundle, [parsed])[0])

    def attribute(
        self, request: str | RouteRequest | Mapping[str, Any], *, top: int | None = None
    ) -> list[Attribution]:
        """Which words of a request's task made its labels, the ``top`` ones of each.

        Raises:
            InvalidRequestError: the router has no learned part.
        """
        if self.bundle is None:
            raise InvalidRequestError("This router has no classifier whose labels could be explained. Load a bundle.")
        from router_ml.understanding.attribution import attribute

        return attribute(RouteRequest.parse(request).task, self.bundle.encoder, self.bundle.classifier, top=top)

    def pin(self, decision: RouteDecision) -> str | None:
        """A signed pin to hand back as ``previous.pin`` on the next turn; None without ``$ROUTER_ML_PIN_KEY``."""
        return pins.sign(decision.decision_id, risks=private_risks(decision))

    def recheck(
        self,
        decision: RouteDecision,
        added: Sequence[str] = (),
        *,
        definitions: Sequence[str] = (),
        now: datetime | None = None,
    ) -> Still:
        """What a decision may still do, before each call: the rules in force at ``now`` and what is down, looked at
        with all that was known when it was made and with what has appeared since.

        Args:
            added: texts that came in since: results of tools, passages that were retrieved.
            definitions: of tools that came beside the request; they are read for what they hold, not what they ask.
        """
        _, now, _ = stamped(0, now, "recheck")
        self.memory.listener.look()
        force = self.rules.at(now)

        def look(new: RouteRequest) -> Read:
            understood = read(force.config, self.bundle, [new])[0]
            return self._scan(force.config, new, understood), understood.risks

        appeared = self._readings.of(force.versions.config_sha256, added, look, definitions=definitions)
        return recheck(force, decision, health=self._health.snapshot, appeared=appeared)

    def made_of(self, decision: RouteDecision, request: RouteRequest) -> bool:
        """Whether a decision is one that this process made of this very request, among its latest."""
        return self._recent.is_of(decision.decision_id, request)

    def check_output(
        self,
        decision: RouteDecision | str,
        output: str | Message | Mapping[str, Any],
        *,
        request: str | RouteRequest | Mapping[str, Any] | None = None,
        now: datetime | None = None,
        keep: bool = True,
    ) -> OutputCheck:
        """Whether an answer may be shown: the detectors, the classifier and ``output_policies``, whatever the lane.

        Args:
            decision: what the answer was asked for with, or its id in the log.
            output: a text, or a message with ``content`` and ``tool_calls``; every string of it is scanned.
            request: what was asked. A value that stands in it too is no news to whoever asked, and brings no risk.
            now: clock of the check; by default the current time.
            keep: log the check; not for parts of an answer that is checked as a whole later.

        Raises:
            InvalidRequestError: the output cannot be read. LogError: the decision is not in the log, or the check
                could not be logged. Nothing has been allowed then.
        """
        answer, asked = Answer.read(output), None if request is None else RouteRequest.parse(request)
        decided = self._recorder.look_up(decision) if isinstance(decision, str) else decision
        _, now, check_id = stamped(0, now, f"chk_{secrets.token_hex(12)}")
        force = self.rules.at(now)
        check = check_answer(
            force.config,
            decided,
            answer,
            request=asked,
            scan=lambda text: self._scan(force.config, text, read(force.config, self.bundle, [text])[0]),
            classify=lambda text: read(force.config, self.bundle, [text])[0].risks,
            versions=force.versions,
            stamp=(check_id, now),
        )
        if keep:
            record_check(self._recorder, check, decision=decided, config=force.config)
        return check

    def log_outcome(self, decision_id: str, **fields: Any) -> Ack | None:
        """Log what became of a decision; see ``router_ml.log_outcome``."""
        try:
            outcome = Outcome(decision_id=decision_id, **{"at": datetime.now(UTC), **fields})
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "outcome")) from None
        outcome = rated(outcome, self.rewards, lambda: self._recorder.look_up(decision_id))
        kept = self._keepable_outcome(outcome)
        ack = self._recorder.write_outcome(kept)
        if outcome.cost_usd is not None and ack != "database":  # which has told already what that changed
            self._budgets.correct(decision_id, outcome.cost_usd, record=of_outcome(kept).record_id)
        if self._learner is not None:
            self._learner.learn(outcome)
        return ack

    def learned_state(self) -> dict[str, Any]:
        """What this process has learned since it started, and the probes it has made, as JSON: for ``resume``."""
        return {
            "bundle": self._rules.base.versions.bundle,
            "arms": self._arms.state(),
            "online": self._learner.state() if self._learner else None,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``learned_state``, also with other lanes, prices or lane versions; what was learned online is
        dropped where the bundle is another one, which has its own outcomes behind it.

        Raises:
            BundleFormatError: it is damaged or of another release; the router is as it was then, or has fewer probes
                left to make.
        """
        self._arms.restore(state.get("arms", {}))
        online = state.get("online")
        if self._learner is not None and online and state.get("bundle") == self._rules.base.versions.bundle:
            self._learner.restore(online)
