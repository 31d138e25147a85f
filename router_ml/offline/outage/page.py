"""An outage report as one page of HTML that needs nothing beside it: for a customer, or a request for proposals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from router_ml.offline.outage import words
from router_ml.offline.outage.folding import folded
from router_ml.offline.outage.report import ClassOutage, OutageReport, Situation

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.6rem;margin-bottom:.3rem}h2{font-size:1.15rem;margin:1.8rem 0 .4rem}"
    ".answer{font-size:1.2rem;font-weight:600;margin:.4rem 0}.on{color:#2a7a5e}.stops{color:#a33a3a}"
    "table{border-collapse:collapse;width:100%;font-size:.92em}td,th{text-align:left;padding:.3rem .8rem .3rem 0;"
    "vertical-align:top;border-bottom:1px solid #ddd}th{font-weight:600;color:#555}tr{break-inside:avoid}"
    "small,.small{color:#666;font-size:.87em}svg{width:100%;height:2.2rem;display:block;margin:.6rem 0 .2rem}"
    "section+section.outage{margin-top:3rem;border-top:2px solid #ddd;padding-top:1rem}code{font-size:.9em}"
    "@media print{body{margin:0;font-size:11px;max-width:none}h2{break-after:avoid}section.outage{break-before:page}"
    "section.outage:first-of-type{break-before:auto}@page{margin:1.4cm}}"
)
_CLASS = (
    *("class", "traffic", "during it", "served today by", "then by", "USD per 1,000", "quality", "floor", "latency"),
)
_SITUATION = (
    *("class", "requests", "traffic", "lanes that are left", "a minute, of what they take", "today, and then, by"),
    *("USD per 1,000", "quality", "latency"),
)
_COLOURS = {"stays where it is": "#9bb8d3", "moves to other lanes": "#2a7a5e", "stops": "#a33a3a"}


def page(reports: OutageReport | Sequence[OutageReport]) -> str:
    """One report, or several with a table of them first."""
    several = [reports] if isinstance(reports, OutageReport) else list(reports)
    head = words.title(several[0]) if len(several) == 1 else f"If a vendor went dark for {several[0].hours:g} hours"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(head)}</title><style>{_STYLE}</style>"
        + (f"<h1>{escape(head)}</h1>{_overview(several)}" if len(several) > 1 else "")
        + "".join(_section(report, alone=len(several) == 1) for report in several)
        + "</html>"
    )


def _overview(reports: Sequence[OutageReport]) -> str:
    rows = (
        (
            report.place,
            f"{report.stops:.1%}",
            f"{report.moves:.1%}",
            words.usd(report.compared, report.after),
            words.worth(report.compared, report.after),
            report.verdict,
        )
        for report in reports
    )
    return _table(("dark", "stops", "moves", "USD per 1,000", "quality", ""), rows)


def _section(report: OutageReport, *, alone: bool) -> str:
    level = "h1" if alone else "h2"
    answer, *rest = words.headline(report)
    colour = "stops" if report.stops else "on"
    parts = [
        f"<section class=outage><{level}>{escape(words.title(report))}</{level}>",
        f"<p class='answer {colour}'>{escape(answer)}</p>{_bar(report)}{_sentences(rest)}",
        "<h2>By traffic class</h2>",
        _table(_CLASS, _classes(report)),
        _why(report),
        "<h2>Room on what is left</h2>",
        _table(("lane", "vendor", "place", "calls a minute, busiest hour", "takes a minute"), _lanes(report)),
        f"<h2>The first seconds</h2>{_sentences(words.first_words(report))}",
        f"<h2>People and batches</h2>{_sentences(words.people_words(report))}",
        _by_rules(report),
        f"<h2>What this assumes, and does not know</h2>{_list(report.notes)}",
        "<h2>In detail: what the rules leave to whom</h2>",
        _table(_SITUATION, _situations(report)),
        _rules(report),
        f"<p><small>{_foot(report)}</small></p></section>",
    ]
    return "".join(parts)


def _bar(report: OutageReport) -> str:
    """The traffic as one bar."""
    stays = max(1 - report.moves - report.stops, 0.0)
    shares = dict(zip(_COLOURS, (stays, report.moves, report.stops), strict=True))
    x, parts = 0.0, []
    for name, share in shares.items():
        if share > 0:
            parts.append(f"<rect x='{x:.3f}%' y=0 width='{100 * share:.3f}%' height='100%' fill='{_COLOURS[name]}'/>")
        x += 100 * share
    told = "; ".join(f"{share:.1%} {name}" for name, share in shares.items())
    keys = " ".join(
        f"<span style='color:{_COLOURS[name]}'>&#9632;</span> {share:.1%} {name}" for name, share in shares.items()
    )
    return f"<svg role=img aria-label='{escape(told)}'>{''.join(parts)}</svg><p class=small>{keys}</p>"


def _classes(report: OutageReport) -> Iterator[tuple[str, ...]]:
    for item in report.classes:
        after = item.after
        yield (
            item.name,
            f"{item.share:.1%}",
            words.goes(item),
            words.lanes_words(item.before),
            words.lanes_words(after),
            words.usd(item.compared, item.after),
            f"{words.quality(item.compared.quality)} -> {words.quality(after.quality) if after else '-'}",
            words.floor_words(item),
            words.waiting(item.compared, after),
        )


def _situations(report: OutageReport) -> Iterator[tuple[str, ...]]:
    for item in report.classes:
        shown, small = folded(item.situations)
        for each in shown:
            room = words.room(each.demand, each.capacity) if each.survivors else "-"
            yield _situation(item, each, ", ".join(each.survivors) or "none: it stops", room)
        if small is not None:
            at_least = ", ".join(small.survivors)
            yield _situation(item, small, f"at least {at_least}" if at_least else "not the same", f"{small.demand:.1f}")


def _situation(item: ClassOutage, each: Situation, lanes: str, room: str) -> tuple[str, ...]:
    return (
        item.name,
        words.because_words(each),
        f"{each.share:.1%}",
        lanes,
        room,
        f"{words.lanes_words(each.before)} -> {words.lanes_words(each.after)}",
        words.usd(each.before, each.after),
        f"{each.before.quality.value:.3f} -> {words.quality(each.after.quality) if each.after else '-'}",
        words.waiting(each.before, each.after),
    )


def _rules(report: OutageReport) -> str:
    told = (f"{name}: {why}" for name, why in report.rules.items())
    return f"<p class=small>What these rules are for:</p><div class=small>{_list(told)}</div>" if report.rules else ""


def _lanes(report: OutageReport) -> Iterator[tuple[str, ...]]:
    for load in report.lanes:
        takes = "nothing, dark" if load.struck else "no limit" if load.capacity is None else f"{load.capacity:.0f}"
        calls = words.changed(load.before, load.after, "{:.1f}")
        yield load.lane, load.provider, f"{load.region}, {load.boundary}", calls, takes


def _why(report: OutageReport) -> str:
    parts = []
    for item in report.classes:
        for each in item.situations:
            if each.stopped is None:
                continue
            told = _list(words.reasons_words(each.stopped.reasons))
            parts.append(
                f"<p><b>{escape(item.name)}, {escape(words.because_words(each))}</b>: {each.share:.1%} of traffic. "
                f"Smallest change that keeps it up: {escape(each.stopped.change)}.</p><div class=small>{told}</div>"
            )
    return f"<h2>What stops, and why</h2>{''.join(parts)}" if parts else ""


def _by_rules(report: OutageReport) -> str:
    if not report.by_rules:
        return "<h2>By the rules alone</h2><p>The rules leave no request, in this traffic or not, without a lane.</p>"
    return (
        "<h2>By the rules alone</h2><p>Requests of these kinds stop, whether this traffic holds any or not "
        f"(<code>router-ml check</code> says the same):</p>{_list(map(str, report.by_rules))}"
    )


def _foot(report: OutageReport) -> str:
    versions = ", ".join(f"{name} <code>{escape(value[:12])}</code>" for name, value in report.versions.items())
    made = f"{report.made_at:%Y-%m-%d %H:%M} UTC"
    return f"Made {made} by <code>router-ml outage</code> from the rules in force: {versions}."


def _sentences(told: Iterable[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in told)


def _list(told: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in told)}</ul>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{_cells(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{_cells(heads, 'th')}</tr>{body}</table>"


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(text).replace(' -&gt; ', ' &rarr; ')}</{tag}>" for text in texts)
