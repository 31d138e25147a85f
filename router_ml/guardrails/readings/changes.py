"""Where one reading of a text differs from another, so that only these places have to be looked at again."""

from __future__ import annotations

from router_ml.guardrails.detectors.detector import Span

BEFORE, AFTER = 112, 64  # characters kept around a change: labels and neighbours that a detector looks at
_ANCHOR = 16  # as many equal characters count as the same place again
_MOST = 0.6  # beyond this share of a text, all of it is looked at


def changed_places(before: str, after: str) -> list[Span]:
    """Spans of ``after`` that hold all that does not stand in ``before``, with ``BEFORE`` and ``AFTER`` around each.

    The rest of ``after`` consists of stretches that stand in ``before`` word for word. Spans are in order and do not
    touch. The work is near linear: each search for the same place again looks at a few times what it skips.
    """
    spans: list[Span] = []
    i = j = 0
    while True:
        same = _common_prefix(before, after, i, j)
        i, j = i + same, j + same
        if j >= len(after):
            break
        end, place = _same_again(before, after, i, j)
        spans = _with(spans, (max(0, j - BEFORE), min(len(after), end + AFTER)))
        if place < 0:
            break
        i, j = place, end
    if i < len(before) and j >= len(after):  # the end was cut off
        spans = _with(spans, (max(0, len(after) - BEFORE), len(after)))
    total = sum(end - start for start, end in spans)
    return [(0, len(after))] if total > _MOST * len(after) else [span for span in spans if span[0] < span[1]]


def _common_prefix(before: str, after: str, i: int, j: int) -> int:
    """How many characters are equal from ``i`` and ``j`` on; compares slices, so that the loop runs in C."""
    most = min(len(before) - i, len(after) - j)
    known, step = 0, 64
    while known < most and before[i + known : i + known + step] == after[j + known : j + known + step]:
        known, step = min(known + step, most), 2 * step
    low, high = known, min(known + step, most)
    while low < high:
        middle = (low + high + 1) // 2
        if before[i + known : i + middle] == after[j + known : j + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_again(before: str, after: str, i: int, j: int) -> tuple[int, int]:
    """Where ``after`` goes on like ``before``: the end of the change, and the place in ``before``, -1 for nowhere."""
    step = 1
    while j + step + _ANCHOR <= len(after):
        place = before.find(after[j + step : j + step + _ANCHOR], i, i + 8 * step + 256)
        if place >= 0:
            return j + step, place
        step *= 2
    return len(after), -1


def _with(spans: list[Span], new: Span) -> list[Span]:
    if spans and new[0] <= spans[-1][1]:
        spans[-1] = (spans[-1][0], max(new[1], spans[-1][1]))
    else:
        spans.append(new)
    return spans
