"""The report of a retraining: an HTML file that holds its plots, a card in Markdown, and numbers for a registry."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from router_ml.config import RouterConfig
from router_ml.offline.report import calibration_plot, error_plot
from router_ml.storage.bundle import Manifest
from training.logged.held_out import LaneError
from training.retraining.learned import Learned

PASSED = {True: "passed", False: "FAILED", None: "not checked"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .6rem 0 1.4rem } th, td { text-align: left; padding: .25rem .8rem .25rem 0;
border-bottom: 1px solid #ddd; vertical-align: top }
th { font-weight: 600 } img { max-width: 100% } h2 { margin-top: 2rem }
"""

Table = tuple[str, Sequence[str], list[Sequence[object]]]  # title, header, rows


def numbers(learned: Learned) -> dict[str, float]:
    """What was reached, by name."""
    found = {"outcomes_from_pack": learned.from_pack, "outcomes_from_log": learned.from_log}
    result = {name: float(value) for name, value in found.items()}
    for each in learned.errors:
        result[f"rmse_{each.lane}"] = each.challenger
        result[f"calibration_{each.lane}"] = each.calibration
        if each.base is not None:
            result[f"rmse_base_{each.lane}"] = each.base
    for name, certificate in learned.promises.certificates.items():
        if certificate.lambda_max is not None:
            result[f"lambda_max_{name}"] = certificate.lambda_max
    return result


def write_report(manifest: Manifest, learned: Learned, config: RouterConfig, path: Path) -> Path:
    """Write ``path`` (.html), its plots and a card beside it, and return where.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    plots = _plots(learned.errors, path) if learned.errors else []
    path.write_text(_page(manifest, learned, config, plots), encoding="utf-8")
    path.with_suffix(".md").write_text(_card(manifest, learned, config), encoding="utf-8")
    return path


def tables(learned: Learned, config: RouterConfig) -> list[Table]:
    """What the report says in tables."""
    window = learned.lineage
    made = [(key.replace("_", " "), "" if value in (None, {}) else value) for key, value in window.items()]
    found: list[Table] = [("Made from", ("what", "value"), [*made])]
    counts = learned.counts
    if counts is not None:
        rows: list[Sequence[object]] = [
            ("decisions", counts.decisions),
            ("from", counts.first),
            ("to", counts.last),
            ("drawn at random", counts.randomised),
            ("ratings that teach the models", counts.rated),
            ("ratings of which only the cell is known", counts.private),
            ("costs", counts.costs),
            *((f"left out, {reason}", count) for reason, count in learned.left_out.items()),
        ]
        found.append(("The log", ("what", "count"), rows))
    if learned.checks:
        rows = [(each.name, PASSED[each.passed], each.found, each.expected, each.why) for each in learned.checks]
        found.append(("Checks", ("check", "", "found", "expected", "why"), rows))
    if learned.corrections:
        rows = [(name, "taken" if each.taken else "left", each.reason) for name, each in learned.corrections.items()]
        found.append(("Classifier, corrected by labels", ("head", "", "why"), rows))
    if learned.errors:
        found.append(("Held-out error", _ERROR_HEADER, [_error_row(each) for each in learned.errors]))
    found.append(("Promises", ("class", "largest lambda", "basis", "why"), list(_promise_rows(learned, config))))
    return found


_ERROR_HEADER = ("lane", "ratings", "challenger", "base", "lane's mean", "squared error saved [95%]", "calibration gap")


def _error_row(each: LaneError) -> Sequence[object]:
    gain = "" if each.gain is None else f"{each.gain[0]:+.4f} [{each.gain[1]:+.4f}, {each.gain[2]:+.4f}]"
    base = "" if each.base is None else f"{each.base:.4f}"
    gap = f"{each.calibration:.4f}"
    return each.lane, each.ratings, f"{each.challenger:.4f}", base, f"{each.mean:.4f}", gain, gap


def _promise_rows(learned: Learned, config: RouterConfig) -> Iterable[Sequence[object]]:
    for name in config.traffic_classes:
        certificate = learned.promises.get(name)
        if certificate is None:
            yield name, "not certified", "", learned.uncertified.get(name, "nothing to certify it on")
        else:
            largest = "not certified" if certificate.lambda_max is None else f"{certificate.lambda_max:g}"
            yield name, largest, certificate.basis, certificate.reason


def _plots(errors: Sequence[LaneError], path: Path) -> list[Path]:
    lanes = {each.lane: (each.predicted, each.observed) for each in errors}
    bars = {
        "challenger": {each.lane: each.challenger for each in errors},
        "base": {each.lane: each.base for each in errors if each.base is not None},
        "lane's mean": {each.lane: each.mean for each in errors},
    }
    return [
        calibration_plot(path.with_name(f"{path.stem}-calibration.png"), lanes),
        error_plot(path.with_name(f"{path.stem}-errors.png"), {name: by for name, by in bars.items() if by}),
    ]


def _page(manifest: Manifest, learned: Learned, config: RouterConfig, plots: Sequence[Path]) -> str:
    parts = [f"<h1>{escape(manifest.id)}</h1>", "<h2>What cannot be concluded</h2>", _list(learned.unknown)]
    for title, header, rows in tables(learned, config):
        head = "".join(f"<th>{escape(name)}</th>" for name in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(str(v))}</td>" for v in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>")
    for plot in plots:
        data = base64.b64encode(plot.read_bytes()).decode()
        parts.append(f'<img alt="{escape(plot.stem)}" src="data:image/png;base64,{data}">')
    title, content = escape(manifest.id), "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>\n{content}\n</body></html>\n"


def _list(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items or '<li>Nothing beyond the intervals below.</li>'}</ul>"


def _card(manifest: Manifest, learned: Learned, config: RouterConfig) -> str:
    lines = [f"# {manifest.id}", "", "A challenger: nothing routes with it until it is promoted.", ""]
    lines += ["## What cannot be concluded", "", *(f"- {sentence}" for sentence in learned.unknown), ""]
    for title, header, rows in tables(learned, config):
        lines += [f"## {title}", "", _row(header), _row(["---"] * len(header)), *(_row(row) for row in rows), ""]
    return "\n".join(lines)


def _row(values: Iterable[object]) -> str:
    return "| " + " | ".join(str(value).replace("|", "/").replace("\n", " ") for value in values) + " |"
