"""Regular expressions of suites: searched against a clock, since both they and the answers are anybody's."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from router_ml.errors import MissingExtraError, OfflineDataError

LIMIT_S = 1.0


class TooSlowError(Exception):
    """A search was given up."""


def found(pattern: str, text: str, *, whole: bool = False, limit_s: float | None = None) -> bool:
    """Whether a pattern is in a text, or is the ``whole`` of it.

    Raises:
        OfflineDataError: it is no regular expression.
        TooSlowError: it took longer than ``limit_s`` of processor time, by default ``LIMIT_S``.
    """
    expression, most = _compiled(pattern), LIMIT_S if limit_s is None else limit_s
    try:
        return (expression.fullmatch if whole else expression.search)(text, timeout=most) is not None
    except TimeoutError:
        raise TooSlowError(f"the pattern took longer than {most:g} s") from None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    try:
        import regex  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("regex", "execute") from None
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise OfflineDataError(f"{pattern!r} is no regular expression: {error}. Correct it in the case.") from None
