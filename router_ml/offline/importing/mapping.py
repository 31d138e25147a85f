"""The mapping file: which column of somebody's export means what, and what is claimed beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from router_ml.config.section import Fraction, Section
from router_ml.config.source import Source, read, shape_problems
from router_ml.errors import ConfigError, Problem

Column = Annotated[str, StringConstraints(min_length=1)]
"""A column, or a path in nested data: ``choices[0].message.content``."""

Format = Literal["csv", "jsonl", "parquet", "litellm", "mlflow"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,59}$")]


class Fixed(Section):
    """The same for every row."""

    value: str | float | bool


Given = Column | Fixed


class Read(Section):
    """How a CSV file is written. ``decimal``: what stands before decimals; with a comma, points part thousands."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."


class Lane(Section):
    """The lane that was chosen. ``lanes``: what the column says, as lanes of router.yaml; without an entry a lane is
    found by its name, or by its model."""

    column: Column
    lanes: dict[str, str] = Field(default_factory=dict)


class Quality(Section):
    """How good an answer was. ``as``: ``unit`` is in 0..1 already; ``thumbs`` up or down; ``boolean`` true or false;
    ``scale`` from ``lowest`` to ``highest``, by default stars from 1 to 5; ``table`` gives each value its quality."""

    column: Column
    how: Literal["unit", "thumbs", "boolean", "scale", "table"] = Field(default="unit", alias="as")
    lowest: float = 1.0
    highest: float = 5.0
    table: dict[str, Fraction] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.how == "table" and not self.table:
            raise ValueError("as: table needs a table, as {good: 1, poor: 0}")
        if self.highest <= self.lowest:
            raise ValueError("highest has to be above lowest")
        return self


class Time(Section):
    """When. ``format``: ``iso``, ``epoch_s``, ``epoch_ms`` or one of strptime; ``zone``: of times that name none."""

    column: Column
    format: str = "iso"
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("is no zone that is known here, as Europe/Berlin is") from None
        return value


class Latency(Section):
    """How long an answer took."""

    column: Column
    unit: Literal["ms", "s"] = "ms"


class Tokens(Section):
    """Columns of token counts, from which a cost follows at the prices of router.yaml where no column says it."""

    input: Column
    output: Column


class Only(Section):
    """The rows of which something is claimed: those whose column has one of the values."""

    column: Column
    values: tuple[str, ...] = Field(min_length=1)


class Propensity(Section):
    """With which probabilities lanes could have been drawn; one of these.

    ``table``: a column with all of them, as a JSON object by lane. ``columns``: one column for each lane. ``column``:
    that of the chosen lane alone; the rest is spread evenly over the other lanes of ``over``. ``uniform``: each of
    these lanes alike. ``epsilon`` with ``around``: a lane, or ``around_column``: the column that names it, was taken
    unless, with this probability, one was drawn evenly from ``over``. The last two are claims about how the rows came
    to be, which the import records; ``only`` says for which rows they hold.
    """

    table: Column | None = None
    columns: dict[str, Column] | None = None
    column: Column | None = None
    uniform: tuple[str, ...] | None = None
    epsilon: float | None = Field(default=None, gt=0, le=1)
    around: str | None = None
    around_column: Column | None = None
    over: tuple[str, ...] = ()
    only: Only | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ways = [self.table, self.columns, self.column, self.uniform, self.epsilon]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("give one of table, columns, column, uniform and epsilon")
        if (self.column is not None or self.epsilon is not None) and len(self.over) < 2:
            raise ValueError("column and epsilon need over: the lanes that could be drawn, two or more")
        if self.epsilon is not None and (self.around is None) == (self.around_column is None):
            raise ValueError("epsilon needs around or around_column, one of them")
        return self

    @property
    def claimed(self) -> str:
        """What no column says, in words; empty where nothing is claimed."""
        some = "" if self.only is None else f" where {self.only.column} is {' or '.join(self.only.values)}"
        if self.uniform is not None:
            return f"drawn evenly from {', '.join(self.uniform)}{some}"
        if self.epsilon is not None:
            around = self.around or f"the lane in {self.around_column}"
            return f"epsilon {self.epsilon:g} around {around}, over {', '.join(self.over)}{some}"
        if self.column is not None:
            return f"what {self.column} leaves is spread evenly over the others of {', '.join(self.over)}{some}"
        return ""


class Labels(Section):
    """What somebody found a request to be. ``risks``: a list, or names with commas between them."""

    intent: Column | None = None
    domain: Column | None = None
    risks: Column | None = None


class Mapping(Section):
    """All of a mapping file. ``source`` names the export: ids are made from it and the id of a row. ``user``: whose
    rows can be erased, and count together in intervals; where it says nothing, those of a ``session`` do."""

    version: Literal[1]
    source: Name
    format: Format = "csv"
    read: Read = Read()
    text: Column | None = None
    messages: Column | None = None
    lane: Lane
    executed: Column | None = None
    quality: Quality | None = None
    rated_probability: float | Column | None = None
    rated_at: Time | None = None
    cost_usd: Column | None = None
    tokens: Tokens | None = None
    latency_ms: Latency | None = None
    time: Time
    user: Column | None = None
    org: Given | None = None
    region: Given | None = None
    channel: Given | None = None
    traffic_class: Given | None = None
    session: Column | None = None
    request_id: Column | None = None
    propensity: Propensity | None = None
    labels: Labels = Labels()

    @field_validator("rated_probability")
    @classmethod
    def _is_chance(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, float) and not 0 < value <= 1:
            raise ValueError("expected a column, or a probability above 0 and at most 1")
        return value

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if (self.text is None) == (self.messages is None):
            raise ValueError("give text or messages, one of them: what is not read teaches nothing")
        return self

    @property
    def claims(self) -> tuple[str, ...]:
        """What is said of rows that no column says."""
        found = [] if self.propensity is None else [self.propensity.claimed]
        if isinstance(self.rated_probability, float):
            found.append(f"P(rated) is {self.rated_probability:g}")
        return tuple(claim for claim in found if claim)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold numbers."""
        told, tokens, chances = self.quality, self.tokens, self.propensity
        found = [self.cost_usd, self.rated_probability, None if self.latency_ms is None else self.latency_ms.column]
        found += [] if tokens is None else [tokens.input, tokens.output]
        found += [] if told is None or told.how not in ("unit", "scale") else [told.column]
        found += [] if chances is None else [chances.column, *(chances.columns or {}).values()]
        return tuple(column for column in found if isinstance(column, str))

    @property
    def sha256(self) -> str:
        """Of what the file says, whatever its comments."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()


def load_mapping(path: str | Path) -> Mapping:
    """A mapping file.

    Raises:
        ConfigError: with every problem found, each with line, key and fix.
    """
    return parse_mapping(read(Path(path), expected="a mapping file"), file=str(path))


def parse_mapping(text: str, *, file: str = "mapping.yaml") -> Mapping:
    """``load_mapping``, from text."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        message = f"expected a mapping, found {type(source.value).__name__}."
        raise ConfigError(
            [Problem(file, 1, "(file)", message, "router-ml log import FILE --guess writes a first one.")]
        )
    value = dict(source.value)
    for key, section in (("lane", "column"), ("quality", "column"), ("time", "column"), ("latency_ms", "column")):
        if isinstance(value.get(key), str):  # a column alone, where the rest has a default
            value[key] = {section: value[key]}
    try:
        mapping = Mapping.model_validate(value)
    except ValidationError as error:
        raise ConfigError([*source.problems, *shape_problems(error, source, root=Mapping)]) from None
    if source.problems:
        raise ConfigError(source.problems)
    return mapping
