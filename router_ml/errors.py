"""The exception tree.

* RouterError
  + InvalidRequestError (also ValueError)   a request, outcome or argument is not what the contract says
  + ConfigError (also ValueError)           router.yaml is wrong; carries every problem with file, line, key and fix
  + BundleError                             a bundle cannot be trusted or read
    - BundleIntegrityError                  a file is missing or its sha256 differs
    - BundleFormatError                     a format or library version that this release does not read
  + EncoderMismatchError                    embeddings come from another encoder than the one that serves
  + RegistryError                           the model registry cannot be reached or does not hold the version
    - ReleaseError                          a step of a release is not allowed as things stand; nothing has changed
  + LogError                                the event log cannot be written or read
    - LogRefusedError                       it can, but never takes this record: repeating does not help
  + ReviewError                             an approval cannot be decided or taken as things stand; nothing has changed
  + ExecutionError                          no lane gave an answer that holds; carries the whole story
    - StreamInterruptedError                an answer broke off after parts of it were delivered; it can be gone on from
  + NotRoutedError                          a decision that others were to carry out lets nobody answer yet
  + OfflineDataError (also ValueError)      logged data does not allow the estimate that was asked for
  + MissingExtraError (also ImportError)    an optional dependency is needed; names the extra

Messages say what was found, what was expected and what to do. They never hold text of a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RouterError(Exception):
    """Base of everything this library raises on purpose."""


class InvalidRequestError(RouterError, ValueError):
    """A request, an outcome or an argument does not follow the contract."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a configuration file."""

    file: str
    line: int | None
    key: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{place}: {self.key}: {self.message}" + (f" {self.fix}" if self.fix else "")


class ConfigError(RouterError, ValueError):
    """``router.yaml`` is wrong. ``problems`` lists all that was found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BundleError(RouterError):
    """A bundle cannot be trusted or read."""


class BundleIntegrityError(BundleError):
    """A file of a bundle is missing, unlisted or changed."""


class BundleFormatError(BundleError):
    """The bundle was written in a format that this release does not read."""


class EncoderMismatchError(RouterError):
    """Embeddings were made by another encoder than the one that serves."""


class RegistryError(RouterError):
    """The model registry cannot be reached, or does not hold what was asked for."""


class ReleaseError(RegistryError):
    """A step of a release is not allowed as things stand: no verdict, too few approvals, nothing to go back to."""


class LogError(RouterError):
    """The event log cannot be written or read. ``decision`` is the one that could not be logged, where there is one."""

    decision: object | None = None


class LogRefusedError(LogError):
    """The event log can be written but never takes this record, as when another one has its id."""


class ReviewError(RouterError):
    """An approval is not known, was decided or has expired before, or may not be granted unseen."""


class ExecutionError(RouterError):
    """No lane gave an answer that holds. ``kind``: why the last one did not; ``completion``: every hop and the rest of
    the story, as a ``Completion``."""

    def __init__(self, completion: object, kind: str) -> None:
        self.completion = completion
        self.kind = kind
        decision = getattr(completion, "decision", None)
        hops = getattr(getattr(completion, "execution", None), "hops", ())
        told = "; ".join(f"{hop.lane}: {hop.kind or 'answered'}" for hop in hops) or "no lane was called"
        name = getattr(decision, "decision_id", "The request")
        super().__init__(f"{name} was not answered ({kind}). Tried {told}. See completion.execution.")


class StreamInterruptedError(ExecutionError):
    """An answer broke off after parts of it had been delivered, and the caller asked to be told.

    ``partial``: what had been delivered, ``offset`` characters; ``resume``: what ``stream(resume_from=error)`` goes on
    from, in this process.
    """

    def __init__(self, completion: object, kind: str, *, partial: str, resume: object) -> None:
        super().__init__(completion, kind)
        self.partial = partial
        self.offset = len(partial)
        self.resume = resume
        self.decision_id = getattr(getattr(completion, "decision", None), "decision_id", None)


class NotRoutedError(RouterError):
    """A decision that lets nobody answer yet, where another library was to: it refuses, asks back, or wants a person.
    ``decision`` is the ``RouteDecision``."""

    def __init__(self, decision: object) -> None:
        self.decision = decision
        name, action, reason = (getattr(decision, name, "") for name in ("decision_id", "action", "reason"))
        super().__init__(f"{name} is not to be answered by a lane ({action}). {reason} See decision.")


class OfflineDataError(RouterError, ValueError):
    """Logged data does not allow the estimate that was asked for."""


class MissingExtraError(RouterError, ImportError):
    """An optional dependency is missing."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Install it with: pip install 'router-ml[{extra}]'")
