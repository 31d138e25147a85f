"""The shape of a scenario: how requests come, what happens meanwhile, who rates and who reviews."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from router_ml.config.section import Fraction, NotNegative, Positive, Section

Place = str
"""A lane, provider, failure domain or ``region:NAME``. ``main``: the provider that the champion uses most while nothing
happens; ``main_lane``: the one of its lanes that is used most; ``region:main``: the region of that; ``dearest``,
``cheapest``: a lane by what it costs on this traffic."""

MOST_DAYS = 3660.0
"""Of a run: results are kept in steps of five minutes."""


class Burst(Section):
    """``times`` as many requests as usual, for ``hours`` from ``at_hour`` on."""

    at_hour: NotNegative
    hours: Positive
    times: Positive


class Sessions(Section):
    """``share`` of the requests come in sessions of ``turns`` on average (geometric), ``gap_minutes`` apart on average.
    Each turn carries the conversation so far; a lane that stays finds ``cached`` of it in its cache."""

    share: Fraction = 0.0
    turns: Annotated[float, Field(ge=1.0, le=50.0)] = 4.0
    gap_minutes: Positive = 2.0
    cached: Fraction = 0.9


class Traffic(Section):
    """How requests come. ``daily``: the shape of a day, by name or as 24 weights of hours (UTC); ``weekly``: weights of
    the days from Monday on. ``mix``: weights of values of intent, domain, risk, tier, language, channel, org or region:
    those of labels multiply the share that the requests have by themselves, those of channel, org and region are shares
    (``none``: not named)."""

    requests: Annotated[int, Field(ge=1)] = 100_000
    days: Annotated[float, Field(gt=0.0, le=MOST_DAYS)] = 7.0
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    daily: Literal["flat", "office", "consumer"] | tuple[NotNegative, ...] = "office"
    weekly: tuple[NotNegative, ...] = (1.0, 1.0, 1.0, 1.0, 0.95, 0.45, 0.4)
    bursts: tuple[Burst, ...] = ()
    sessions: Sessions = Sessions()
    mix: dict[Literal["intent", "domain", "risk", "tier", "language", "channel", "org", "region"], dict[str, float]] = (
        Field(default_factory=dict)
    )


class Behaviour(Section):
    """How a lane behaves. ``error_rate``: share of calls that fail on an ordinary day; ``spread``: of the latency, the
    standard deviation of its logarithm; limits as in ``endpoint``, where they differ from the configuration."""

    error_rate: Fraction = 0.002
    spread: NotNegative = 0.35
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    max_concurrency: Annotated[int, Field(ge=1)] | None = None


class _At(Section):
    at_hour: NotNegative


class Trouble(_At):
    """Calls fail or are slow for ``hours``. ``outage``: all calls fail; ``partial``: ``error_rate`` of them; ``slow``:
    latency is ``times`` as long; ``error_burst``: as partial, every other minute. ``hang``: what fails says nothing
    until it times out, instead of failing at once."""

    kind: Literal["outage", "partial", "slow", "error_burst"]
    where: Place
    hours: Positive
    error_rate: Fraction = 0.5
    times: Positive = 4.0
    hang: bool = False


class PriceChange(_At):
    """Every price of the lanes is ``times`` what it was, and the router knows."""

    kind: Literal["price"]
    where: Place
    times: NotNegative


class Regression(_At):
    """For ``share`` of the prompts the answers of the lanes are worth ``times`` as much; nobody is told."""

    kind: Literal["regression"]
    where: Place
    times: Fraction
    share: Fraction = 1.0


class Upgrade(_At):
    """The lanes make ``errors_times`` as many errors from here on, under a new version that the configuration says."""

    kind: Literal["upgrade"]
    where: Place
    errors_times: NotNegative


class NewLane(_At):
    """A lane appears that nobody has learned: as ``like``, with its errors and its price times these."""

    kind: Literal["new_lane"]
    name: str
    like: Place
    errors_times: NotNegative = 0.7
    price_times: NotNegative = 1.0
    provider: str | None = None


class Retire(_At):
    """The lanes are taken out of the configuration."""

    kind: Literal["retire"]
    where: Place


class Wave(_At):
    """For ``hours`` requests of a kind come ``times`` as often, the others as before: ``risk: pii``, ``region: eu``."""

    kind: Literal["wave"]
    hours: Positive
    of: dict[Literal["intent", "domain", "risk", "tier", "language", "channel", "org", "region"], str]
    times: Positive


Event = Annotated[Trouble | PriceChange | Regression | Upgrade | NewLane | Retire | Wave, Field(discriminator="kind")]


class Ratings(Section):
    """What is told of answers: ``share`` of them is rated, ``delay_hours`` later on average (exponential), as good with
    the probability of their quality, else as bad. Learning policies learn from nothing else, every ``every_hours``."""

    share: Fraction = 0.05
    delay_hours: NotNegative = 2.0
    every_hours: Positive = 1.0


class Reviewers(Section):
    """The people who look first: they do ``per_hour`` (by default a fifth more than comes on average) between the hours
    ``start`` and ``end`` (UTC) of the ``days`` (Monday is 0). What waits longer than ``expires_hours`` expires.
    ``granted``: share of what they look at."""

    per_hour: NotNegative | None = None
    start: Annotated[int, Field(ge=0, le=24)] = 8
    end: Annotated[int, Field(ge=0, le=24)] = 18
    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4)
    expires_hours: Positive = 24.0
    granted: Fraction = 0.95


class Budget(Section):
    """The daily budget of a class: USD, or a ``share`` of what the champion spends on it per day without one."""

    usd: Positive | None = None
    share: Positive | None = None
    at_cap: Literal["cheapest", "queue", "refuse"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if (self.usd is None) == (self.share is None):
            raise ValueError("give usd or share, one of them")
        return self


class Scenario(Section):
    """A simulation. ``lanes``: behaviour by lane, ``default`` for all others; ``budgets``: by traffic class, where
    ``default`` is the last class, which takes what no other does, if none is called so."""

    name: str
    description: str = ""
    traffic: Traffic = Traffic()
    lanes: dict[str, Behaviour] = Field(default_factory=dict)
    events: tuple[Event, ...] = ()
    budgets: dict[str, Budget] = Field(default_factory=dict)
    ratings: Ratings = Ratings()
    reviewers: Reviewers = Reviewers()
