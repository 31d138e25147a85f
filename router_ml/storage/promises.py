"""What was certified of each traffic class's promise, and the lambda that this leaves in force.

``promises.json`` is an optional part of a bundle: without it, every class routes at its configured lambda.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from router_ml.config import TrafficClass
from router_ml.config.section import Fraction, NotNegative, Section
from router_ml.errors import BundleFormatError

FILE = "promises.json"
FORMAT = 1


class Certificate(Section):
    """The largest lambda at which a class keeps its promise, with probability 1 - ``delta`` of being right.

    ``lambda_max``, in quality per USD as in ``Rule``, is None where nothing could be certified; ``quality`` is the
    measured average there (or at lambda 0), over ``rows`` prompts in ``groups`` of near-duplicates; ``basis`` says
    which prompts; ``uncovered`` is the probability that selection would give to lanes without outcomes, of which
    nothing is known. ``explore_share`` and ``prices_sha256`` are those it was certified with.
    """

    floor: Fraction
    delta: Fraction
    kind: Literal["mean", "loss"]
    max_loss: Fraction
    lambda_max: NotNegative | None
    quality: float
    rows: int = Field(ge=0)
    groups: int = Field(ge=0)
    basis: str
    uncovered: Fraction
    explore_share: Fraction
    prices_sha256: str
    method: str
    reason: str

    def covers(self, promised: TrafficClass) -> bool:
        """Whether it speaks of the promise that is configured."""
        return not self.differences(promised)

    def differences(self, promised: TrafficClass) -> tuple[str, ...]:
        """What is configured otherwise than it was certified, in words."""
        promise = promised.promise
        # the floor is part of the rule that was tested, whatever the promise is about
        pairs = [("floor", self.floor, promised.floor), ("kind", self.kind, promise.kind)]
        pairs.append(("delta", self.delta, promise.delta))
        if self.kind == "loss":
            pairs.append(("max_loss", self.max_loss, promise.max_loss))
        return tuple(f"{name} {now}, certified {then}" for name, then, now in pairs if then != now)


@dataclass(frozen=True)
class Promises:
    """The certificates of a bundle by traffic class."""

    certificates: Mapping[str, Certificate] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.certificates)

    def get(self, class_name: str) -> Certificate | None:
        """The certificate of a class, None without one."""
        return self.certificates.get(class_name)

    def largest(self, class_name: str, promised: TrafficClass, *, prices_sha256: str) -> float | None:
        """Largest lambda that was certified for the configured promise at these prices; None where nothing was."""
        found = self.get(class_name)
        speaks = found is not None and found.covers(promised) and found.prices_sha256 == prices_sha256
        return found.lambda_max if found is not None and speaks else None

    def notes(self, classes: Mapping[str, TrafficClass], *, prices_sha256: str) -> Iterator[str]:
        """What deserves a look: classes that are not certified, in the order of the configuration, in words."""
        if not self.certificates:
            return
        for name, promised in classes.items():
            found = self.get(name)
            if found is None:
                yield f"{name}: not certified, the bundle knows no such class. Retrain with this configuration."
            elif not found.covers(promised):
                changed = ", ".join(found.differences(promised))
                yield f"{name}: not certified ({changed}); the configured lambda is used. Retrain to certify it."
            elif found.lambda_max is None:
                yield f"{name}: not certified, the configured lambda is used. {found.reason}"
            elif found.prices_sha256 != prices_sha256:
                yield f"{name}: not certified at these prices; the configured lambda is used. Retrain to certify it."
            elif promised.explore_share > found.explore_share:
                yield (
                    f"{name}: explores up to {promised.explore_share:g} of its requests, certified with "
                    f"{found.explore_share:g}. Retrain to certify it anew."
                )
            elif found.lambda_max < promised.quality_per_usd:
                yield (
                    f"{name}: lambda {found.lambda_max:g} is in force instead of {promised.quality_per_usd:g}, the "
                    "largest that is certified for its promise."
                )


def save_promises(promises: Promises, folder: Path) -> None:
    """Write ``promises.json``, or take it away where nothing is certified; before the bundle is sealed."""
    if not promises.certificates:
        (folder / FILE).unlink(missing_ok=True)
        return
    classes = {name: each.model_dump(mode="json") for name, each in promises.certificates.items()}
    record = {"format": FORMAT, "classes": classes}
    (folder / FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def load_promises(folder: Path) -> Promises:
    """Read ``promises.json``; nothing is certified where the bundle has none.

    Raises:
        BundleFormatError: it was written in another format.
    """
    path = folder / FILE
    if not path.is_file():
        return Promises()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            found = record["format"]
            raise BundleFormatError(f"{path} has format {found}, this release reads format {FORMAT}.")
        return Promises({name: Certificate.model_validate(each) for name, each in record["classes"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise BundleFormatError(f"{path} holds no certificates. Build the bundle again.") from None
