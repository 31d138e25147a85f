"""Labelled requests in a user's file (CSV, JSON Lines, Parquet), checked before anything is learned from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.understanding.classifier import HEADS
from training import corpus
from training.labelled.examples import Example, Taxonomy

LABELS = (*HEADS, "risks")
SPLITS = ("train", "calibration", "test")
KNOWN = ("text", *LABELS, "split", "language", "note", "group")
DEAL = ("train", "test", "train", "calibration", "train")  # where the file does not split
SHOWN, LONGEST_LABEL = 3, 40


@dataclass(frozen=True)
class Table:
    """A file's rows as examples; ``split`` (n,) names the part of each, ``units`` (n,) what must stay in one part.

    ``labels``: the heads that the file has labels for. ``was_split``: whether the file itself says which part is which.
    """

    examples: tuple[Example, ...]
    split: NDArray[np.str_]
    units: NDArray[np.str_]
    labels: tuple[str, ...]
    was_split: bool

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that occur, in alphabetical order; mode is always chat and batch."""
        found = {name: tuple(sorted({e.labels[name] for e in self.examples if name in e.labels})) for name in HEADS}
        risks = tuple(sorted({risk for e in self.examples for risk, there in e.risks.items() if there}))
        return Taxonomy(found["intent"], found["domain"], corpus.MODES, risks)

    def rows(self, part: str) -> NDArray[np.intp]:
        """Row indices of one part."""
        return np.flatnonzero(self.split == part)


def read(path: Path, *, seed: int = 0) -> Table:
    """Read and check a file.

    Columns: ``text``, and any of ``intent``, ``domain``, ``mode`` (chat or batch) and ``risks`` (a list, or names with
    ``;`` between them); ``split`` (train, calibration, test), ``language``, ``group`` and ``note`` may be there.
    Without ``split``, rows are parted at random by ``group``, or by text where there is none.

    Raises:
        OfflineDataError: there is no such file, a column is unknown or missing, a value is wrong, or a text stands in
            two parts. Says which row, what was found and what was expected.
    """
    records = list(_records(path))
    if not records:
        raise OfflineDataError(f"{path} has no rows. Give at least some requests of each class.")
    columns = list(dict.fromkeys(key for record in records for key in record))
    unknown = [name for name in columns if name not in KNOWN]
    if unknown:
        raise OfflineDataError(
            f"{path} has the unknown column{'s' * (len(unknown) > 1)} {', '.join(map(repr, unknown))}, expected "
            f"{', '.join(KNOWN)}. Rename or drop what is not among them."
        )
    if "text" not in columns or not set(LABELS) & set(columns):
        raise OfflineDataError(
            f"{path} has the columns {', '.join(columns)}, expected text and one of {', '.join(LABELS)} at least."
        )
    found = [_risks(record.get("risks"), path, row) for row, record in enumerate(records, start=1)]
    every_risk = sorted({risk for own in found for risk in own or ()})
    examples = tuple(
        _example(record, own, every_risk, path, row)
        for row, (record, own) in enumerate(zip(records, found, strict=True), start=1)
    )
    used = {name for example in examples for name in example.labels}
    labels = tuple(name for name in LABELS if name in used or (name == "risks" and every_risk))
    units = _units(records, examples)
    was_split = any(record.get("split") is not None for record in records)
    split = _given_split(records, examples, path) if was_split else _dealt(examples, units, seed)
    return Table(examples, split, units, labels, was_split)


def check_trainable(table: Table, path: Path) -> None:
    """Every part has rows, and every label enough of them to be learned and calibrated.

    Raises:
        OfflineDataError: names what is missing and where.
    """
    if not table.labels:
        raise OfflineDataError(f"{path} has no label in any row, expected some of {', '.join(LABELS)}.")
    for part in SPLITS:
        mine = [table.examples[row] for row in table.rows(part)]
        if not mine:
            raise OfflineDataError(f"{path} has no rows for {part}. Add some, or leave the split out.")
        for name in table.labels:
            if name != "risks" and not any(name in example.labels for example in mine):
                raise OfflineDataError(f"{path}: no {part} row has a label for {name}. Label some, or drop the column.")
    train = [table.examples[row] for row in table.rows("train")]
    for name in HEADS:
        counts = Counter(e.labels[name] for e in train if name in e.labels)
        everywhere = {e.labels[name] for e in table.examples if name in e.labels}
        rare = sorted(_short(label) for label in everywhere if counts[label] < 2)
        if rare:
            raise OfflineDataError(
                f"{path}: {name} {', '.join(rare[:SHOWN])} has fewer than two training rows. Add examples, or merge it "
                "with another label."
            )
        if len(everywhere) == 1 and name != "mode":
            raise OfflineDataError(
                f"{path}: {name} has the one label {rare or _short(everywhere.pop())}, expected two."
            )
    for risk in table.taxonomy.risks:
        known = [example.risks[risk] for example in train if risk in example.risks]
        if sum(known) < 2 or len(known) - sum(known) < 2:
            raise OfflineDataError(
                f"{path}: risk {_short(risk)} needs two training rows with it and two without at least, found "
                f"{sum(known)} and {len(known) - sum(known)}. Add examples."
            )


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.is_file():
        raise OfflineDataError(f"There is no file at {path}. Give a .csv, .jsonl or .parquet file.")
    if path.suffix == ".jsonl":
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if line.strip():
                try:
                    record = json.loads(line.decode("utf-8"))
                except ValueError as error:
                    problem = "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON"
                    raise OfflineDataError(f"{path}:{number} is not {problem}. Write one object a line.") from None
                if not isinstance(record, dict):
                    raise OfflineDataError(f"{path}:{number} holds {type(record).__name__}, expected an object.")
                yield record
        return
    if path.suffix not in (".csv", ".parquet"):
        raise OfflineDataError(f"Found a {path.suffix or 'nameless'} file, expected .csv, .jsonl or .parquet.")
    import pandas

    try:  # in CSV everything is text: a label may well be called NA
        csv = path.suffix == ".csv"
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False) if csv else pandas.read_parquet(path)
    except (ValueError, OSError) as error:  # whatever the reader finds wrong with a damaged file
        raise OfflineDataError(f"{path} cannot be read as {path.suffix} ({type(error).__name__}).") from None
    for record in frame.to_dict("records"):
        empty = {key for key, value in record.items() if _missing(value) or (csv and key != "risks" and value == "")}
        yield {str(key): None if key in empty and key != "text" else value for key, value in record.items()}


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _risks(value: object, path: Path, row: int) -> list[str] | None:
    """Names of the risks of a row; None where the file does not say."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = json.loads(text)
            except ValueError:
                raise OfflineDataError(
                    f"{path}, row {row}: risks opens with [ and is not a list. Write a;b or a JSON list."
                ) from None
        else:
            value = [part.strip() for part in text.split(";") if part.strip()]
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise OfflineDataError(
            f"{path}, row {row}: risks is a {type(value).__name__}, expected a list, or names with ; between them."
        )
    return [str(risk) for risk in value]


def _example(
    record: Mapping[str, Any], risks: Sequence[str] | None, every_risk: Sequence[str], path: Path, row: int
) -> Example:
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        found = "empty" if isinstance(text, str) else f"a {type(text).__name__}"
        raise OfflineDataError(f"{path}, row {row}: the text is {found}, expected words.")
    labels = {name: str(record[name]) for name in HEADS if record.get(name) is not None}
    mode = labels.get("mode", "chat")
    if mode not in corpus.MODES:
        raise OfflineDataError(f"{path}, row {row}: mode is {_short(mode)}, expected {' or '.join(corpus.MODES)}.")
    known = {} if risks is None else {risk: risk in risks for risk in every_risk}
    return Example(_filled(text), path.stem, labels, known)


def _filled(text: str) -> str:
    """Slots of the project's own corpus hold values; whatever else looks like one stays as it is."""
    try:
        return corpus.fill(text)
    except ValueError:
        return text


def _short(label: str) -> str:
    """A label for a message: a cell that holds a text by mistake is not repeated."""
    return repr(label) if len(label) <= LONGEST_LABEL else f"of {len(label)} characters"


def _key(text: str) -> str:
    return " ".join(corpus.tokens(text)) or text


def _units(records: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> NDArray[np.str_]:
    """What must not be parted: rows of one group, and rows of one text whatever their groups."""
    first_of_text: dict[str, str] = {}
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while joined.get(name, name) != name:
            name = joined[name]
        return name

    names = []
    for record, example in zip(records, examples, strict=True):
        key = _key(example.text)
        name = f"text {key}" if record.get("group") is None else f"group {record['group']}"
        joined[root(name)] = root(first_of_text.setdefault(key, name))
        names.append(name)
    return np.array([root(name) for name in names])


def _dealt(examples: Sequence[Example], units: NDArray[np.str_], seed: int) -> NDArray[np.str_]:
    """Parts of units at random, dealt label by label, so that each part gets its share of every label."""
    random = np.random.default_rng(seed)
    first: dict[str, Example] = {}
    for unit, example in zip(units, examples, strict=True):
        first.setdefault(str(unit), example)
    names = sorted(first)
    order = [names[at] for at in random.permutation(len(names))]
    order.sort(key=lambda unit: tuple(first[unit].labels.get(name, "") for name in HEADS))
    part = {unit: DEAL[at % len(DEAL)] for at, unit in enumerate(order)}
    return np.array([part[str(unit)] for unit in units])


def _given_split(records: Sequence[Mapping[str, Any]], examples: Sequence[Example], path: Path) -> NDArray[np.str_]:
    given = [str(record.get("split")) for record in records]
    wrong = sorted(set(given) - set(SPLITS))
    if wrong:
        raise OfflineDataError(f"{path}: a split is {_short(wrong[0])}, expected {', '.join(SPLITS)} in each row.")
    _refuse_leaks([_key(example.text) for example in examples], given, path)
    return np.array(given)


def _refuse_leaks(keys: Sequence[str], split: Sequence[str], path: Path) -> None:
    first: dict[str, int] = {}
    leaks = []
    for row, key in enumerate(keys):
        if split[first.setdefault(key, row)] != split[row]:
            leaks.append((first[key] + 1, row + 1))
    if leaks:
        shown = ", ".join(f"{one} and {other}" for one, other in leaks[:SHOWN])
        raise OfflineDataError(
            f"{path}: {len(leaks)} texts stand in two splits (rows {shown}). A model that has seen its test rows "
            "proves nothing: keep each text in one split."
        )
