"""What can go wrong, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from router_ml.errors import InvalidRequestError

Kind = Literal[
    "good",
    "hang",
    "slow_stream",
    "rate_limit",
    "server_error",
    "unauthorized",
    "html",
    "dropped",
    "malformed",
    "truncated",
    "empty_choices",
    "empty_text",
    "refusal",
    "content_filter",
    "wrong_schema",
    "invented_citation",
    "tool_loop",
    "context_overflow",
    "mid_stream_drop",
]
"""``good`` is no fault: an answer that suits the request, for scripts that recover."""

KINDS: tuple[Kind, ...] = get_args(Kind)

FORMS: dict[Kind, tuple[str, ...]] = {
    "rate_limit": ("seconds", "date", "silent"),
    "dropped": ("before", "body"),
    "refusal": ("field", "words"),
    "content_filter": ("stop", "error"),
    "context_overflow": ("openai", "anthropic", "vllm"),
}
"""Ways in which a fault comes; the first is the default, but that of ``context_overflow`` is the vendor's whose address
was called."""

_STATUS = {"rate_limit": 429, "server_error": 500, "unauthorized": 401, "html": 502, "context_overflow": 400}


@dataclass(frozen=True)
class Fault:
    """One way to fail, or to answer.

    Args:
        kind: which.
        form: one of ``FORMS`` of its kind.
        status: of the response, where it is an error: 500, 502, 503 or 529 for ``server_error``.
        retry_after: seconds that ``rate_limit`` asks to be left alone, also those of its date.
        delay_ms: before the first byte; of ``slow_stream`` between two pieces.
        text: what is answered instead of what suits the request.
        thinking: what is thought aloud first.
        tokens_in, tokens_out: usage that is reported instead of a guess by length.

    Raises:
        InvalidRequestError: there is no such kind or form, or a value is none that its field can have.

    >>> Fault("dropped").form
    'before'
    """

    kind: Kind
    form: str = ""
    status: int = 0
    retry_after: float = 1.0
    delay_ms: float = 0.0
    text: str | None = None
    thinking: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidRequestError(f"Found fault {self.kind!r}, which there is not. Known: {', '.join(KINDS)}.")
        for name, (expected, fits) in _VALUES.items():
            if not fits(getattr(self, name)):
                raise InvalidRequestError(
                    f"Found {name} {getattr(self, name)!r} of fault {self.kind}, expected {expected}."
                )
        forms = FORMS.get(self.kind, ("",))
        if self.form and self.form not in forms:
            known = ", ".join(forms) if forms != ("",) else "none"
            raise InvalidRequestError(f"Found form {self.form!r} of fault {self.kind}. Known forms: {known}.")
        if not self.form and self.kind != "context_overflow":
            object.__setattr__(self, "form", forms[0])
        if not self.status:
            object.__setattr__(self, "status", _STATUS.get(self.kind, 200))
        if self.kind == "slow_stream" and not self.delay_ms:
            object.__setattr__(self, "delay_ms", 200.0)

    @classmethod
    def read(cls, value: Fault | str | Mapping[str, Any]) -> Fault:
        """A fault from one, from its kind, or from a mapping of its fields, as in a script that is a file.

        Raises:
            InvalidRequestError: it is none of these.
        """
        if isinstance(value, Fault):
            return value
        said = {"kind": value} if isinstance(value, str) else value
        known = {field.name for field in fields(cls)}
        if not isinstance(said, Mapping) or "kind" not in said or not known.issuperset(said):
            raise InvalidRequestError(
                f"Found {value!r}, expected a fault: its kind, or a mapping of kind and some of "
                f"{', '.join(sorted(known - {'kind'}))}."
            )
        return cls(**said)

    @classmethod
    def read_all(cls, values: Sequence[Fault | str | Mapping[str, Any]]) -> tuple[Fault, ...]:
        """Faults from a list of what ``read`` takes.

        Raises:
            InvalidRequestError: it is no list, or one of them is no fault.
        """
        if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
            raise InvalidRequestError(f"Found {values!r}, expected a list of faults.")
        return tuple(cls.read(one) for one in values)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (value == 0 or 200 <= value <= 599)


_LONGEST = 1e9  # of a time: neither endless nor beyond what a date can tell

_VALUES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "form": ("a text", lambda value: isinstance(value, str)),
    "status": ("an HTTP status, 200 to 599", _is_status),
    "retry_after": ("seconds, 0 or more", _is_time),
    "delay_ms": ("milliseconds, 0 or more", _is_time),
    "text": ("a text", _is_text),
    "thinking": ("a text", _is_text),
    "tokens_in": ("a whole number, 0 or more", _is_count),
    "tokens_out": ("a whole number, 0 or more", _is_count),
}
"""What each field may hold, in words and as a test: scripts come from files."""
