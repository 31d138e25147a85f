"""How a router reads what comes in and what goes out: with one scan and one classifier for both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from router_ml.config import RouterConfig
from router_ml.contract import Risk, RouteRequest
from router_ml.errors import ConfigError, Problem
from router_ml.guardrails.detectors.detector import Detector
from router_ml.guardrails.detectors.external import External
from router_ml.guardrails.digests import key_from_environment
from router_ml.guardrails.fingerprint import fingerprint
from router_ml.guardrails.patterns import detectors
from router_ml.guardrails.scan import Scan
from router_ml.guardrails.scan import scan as scan_strings
from router_ml.guardrails.wording import asks_for_change
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding, understand, unlearned

if TYPE_CHECKING:
    from router_ml.guardrails.worker import UserDetector

_FIRST_WORDS = 4_000  # characters of a request that is not scanned, in which an order is looked for


@dataclass(frozen=True)
class Guards:
    """The detectors of a router: ours, those of the packs it names, and the user's own.

    ``key``: of the digests of what is found. ``sha256``: of everything that what they find depends on.
    """

    detectors: tuple[Detector, ...]
    external: tuple[External, ...]
    key: bytes | None
    sha256: str

    @classmethod
    def open(cls, config: RouterConfig, *, folder: Path | None = None) -> Guards:
        """Open what ``guardrails.packs`` and ``guardrails.detectors`` name.

        Args:
            folder: where the ``router.yaml`` is, to which the paths of detectors are relative; None for a bundle's,
                whose detectors must have absolute paths, since a bundle carries no code.

        Raises:
            ConfigError: an unknown pack, a file that is no detector, or a digest key that is too short.
        """
        try:
            ours = detectors(config.guardrails.packs)
        except ValueError as error:
            fix = "Correct the name, or remove it."
            raise ConfigError([Problem("router.yaml", None, "guardrails.packs", str(error), fix)]) from None
        users = tuple(_user_detectors(config, folder))
        known = fingerprint(ours)
        if users:
            known = hashlib.sha256("|".join([known, *(user.sha256 for user in users)]).encode()).hexdigest()
        return cls(ours, users, key_from_environment(), known)

    def scan(self, config: RouterConfig, request: RouteRequest) -> Scan:
        """What the detectors find in every string of a request, or of an answer in the shape of one."""
        return scan_strings(
            request,
            max_bytes=config.guardrails.max_bytes,
            detectors=self.detectors,
            external=self.external,
            joined_messages=config.guardrails.joined_messages,
            key=self.key,
        )

    def unscanned(self, request: RouteRequest, reason: str) -> Scan:
        """A request that nobody scanned, as it is known at once: no detector has answered, so everything that one could
        have found counts as there. Of its own words only an order to change something is looked for."""
        changes = asks_for_change(request.task[:_FIRST_WORDS])
        return Scan(
            state="unknown",
            findings=(),
            risks=(Risk(name="state_change", probability=1.0, source="rule"),) if changes else (),
            reasons=(reason,),
            missed=tuple(dict.fromkeys(detector.risk for detector in self.external)),
        )


def _user_detectors(config: RouterConfig, folder: Path | None) -> Iterator[UserDetector]:
    for index, given in enumerate(config.guardrails.detectors):
        path = Path(given.path)
        if folder is None and not path.is_absolute():
            where = f"guardrails.detectors[{index}].path"
            fix = "Give an absolute path, or open the router with config=router.yaml."
            raise ConfigError([Problem("router.yaml", None, where, "is relative, but a bundle holds no code.", fix)])
        from router_ml.guardrails.worker import load

        yield load((folder or Path()) / path, deadline_ms=given.deadline_ms, risks=config.taxonomy.risks or None)


def read(config: RouterConfig, bundle: Bundle | None, requests: Sequence[RouteRequest]) -> list[Understanding]:
    """Encode and classify; without a bundle, only sizes and language are known."""
    if bundle is None:
        return [unlearned(request) for request in requests]
    rails = config.guardrails
    least = rails.unvalidated_language_min_chars
    parts = bundle.encoder, bundle.classifier
    return understand(requests, *parts, max_bytes=rails.max_bytes, min_characters=least, columns=bundle.columns)
