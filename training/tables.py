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
from training.examples import Example, Taxonomy

LABELS = (*HEADS, "risks")
SPLITS = ("train", "calibration", "test")
KNOWN = ("text", *LABELS, "split", "language", "note", "group")
SHARES = (0.6, 0.2)  # of train and calibration, where the file does not split
SHOWN = 3


@dataclass(frozen=True)
class Table:
    """A file's rows as examples; ``split`` (n,) names the part of each, ``labels`` which columns the file has."""

    examples: tuple[Example, ...]
    split: NDArray[np.str_]
    labels: tuple[str, ...]
    languages: tuple[str, ...]

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
    labels = tuple(name for name in LABELS if name in columns)
    if "text" not in columns or not labels:
        raise OfflineDataError(
            f"{path} has the columns {', '.join(columns)}, expected text and one of {', '.join(LABELS)} at least."
        )
    found = [_risks(record.get("risks"), path, row) for row, record in enumerate(records, start=1)]
    every_risk = sorted({risk for own in found for risk in own or ()})
    examples = tuple(
        _example(record, own, every_risk, path, row)
        for row, (record, own) in enumerate(zip(records, found, strict=True), start=1)
    )
    split = _split(records, examples, path, seed)
    return Table(examples, split, labels, tuple(str(record.get("language") or "en") for record in records))


def check_trainable(table: Table, path: Path) -> None:
    """A label that only one row of the training part has, or none, cannot be learned.

    Raises:
        OfflineDataError: names the labels and how often they occur.
    """
    train = [table.examples[row] for row in table.rows("train")]
    for name in HEADS:
        counts = Counter(e.labels[name] for e in train if name in e.labels)
        everywhere = {e.labels[name] for e in table.examples if name in e.labels}
        if not everywhere:
            continue
        rare = sorted(label for label in everywhere if counts[label] < 2)
        if rare:
            raise OfflineDataError(
                f"{path}: {name} {', '.join(map(repr, rare))} has fewer than two training rows. Add examples, or merge "
                "it with another label."
            )
        if len(everywhere) < 2 and name != "mode":
            raise OfflineDataError(f"{path}: {name} has the one label {everywhere.pop()!r}, expected two at least.")
    for risk in table.taxonomy.risks:
        if sum(bool(e.risks.get(risk)) for e in train) < 2:
            raise OfflineDataError(f"{path}: risk {risk!r} has fewer than two training rows. Add examples.")


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.is_file():
        raise OfflineDataError(f"There is no file at {path}. Give a .csv, .jsonl or .parquet file.")
    if path.suffix == ".jsonl":
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise OfflineDataError(f"{path}:{number} is not JSON: {error}.") from None
                if not isinstance(record, dict):
                    raise OfflineDataError(f"{path}:{number} holds {type(record).__name__}, expected an object.")
                yield record
        return
    if path.suffix not in (".csv", ".parquet"):
        raise OfflineDataError(f"Found a {path.suffix or 'nameless'} file, expected .csv, .jsonl or .parquet.")
    import pandas

    try:
        frame = pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)
    except (ValueError, OSError) as error:  # whatever the reader says of a damaged file
        raise OfflineDataError(f"{path} cannot be read: {error}.") from None
    for record in frame.to_dict("records"):
        yield {str(key): None if _missing(value) else value for key, value in record.items()}


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
                    f"{path}, row {row}: risks {text!r} is not a list. Write a;b or a JSON list."
                ) from None
        else:
            value = [part.strip() for part in text.split(";") if part.strip()]
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise OfflineDataError(f"{path}, row {row}: risks is {value!r}, expected a list, or names with ; between them.")
    return [str(risk) for risk in value]


def _example(
    record: Mapping[str, Any], risks: Sequence[str] | None, every_risk: Sequence[str], path: Path, row: int
) -> Example:
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise OfflineDataError(f"{path}, row {row}: the text is {text!r}, expected words.")
    labels = {name: str(record[name]) for name in HEADS if record.get(name) is not None}
    mode = labels.get("mode", "chat")
    if mode not in corpus.MODES:
        raise OfflineDataError(f"{path}, row {row}: mode is {mode!r}, expected {' or '.join(corpus.MODES)}.")
    known = {} if risks is None else {risk: risk in risks for risk in every_risk}
    return Example(corpus.fill(text), str(record.get("group") or path.stem), labels, known)


def _split(
    records: Sequence[Mapping[str, Any]], examples: Sequence[Example], path: Path, seed: int
) -> NDArray[np.str_]:
    keys = [" ".join(corpus.tokens(example.text)) or example.text for example in examples]
    if any(record.get("split") is not None for record in records):
        given = [str(record.get("split")) for record in records]
        wrong = sorted(set(given) - set(SPLITS))
        if wrong:
            raise OfflineDataError(f"{path}: a split is {wrong[0]!r}, expected {', '.join(SPLITS)} in each row.")
        _refuse_leaks(keys, given, path)
        return np.array(given)
    units = [str(record.get("group") or key) for record, key in zip(records, keys, strict=True)]
    order = np.random.default_rng(seed).permutation(sorted(set(units)))
    cuts = (np.cumsum(SHARES) * len(order)).round().astype(int)
    part = {unit: SPLITS[int(np.searchsorted(cuts, at, side="right"))] for at, unit in enumerate(order)}
    return np.array([part[unit] for unit in units])


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
