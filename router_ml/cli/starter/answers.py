"""What ``router-ml init`` is told, whoever says it: a person at a prompt, or options."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.errors import InvalidRequestError

USERS = ("eu", "elsewhere", "both")
LANES: dict[str, tuple[str, ...]] = {
    "own": ("private", "code"),
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "google": ("fast", "premium"),
    "mistral": ("balanced",),
}
"""The lanes of the configuration that ships which each vendor brings."""

VENDORS = tuple(LANES)
VARIABLES: dict[str, tuple[str, ...]] = {
    "own": ("VLLM_A_URL", "VLLM_B_URL"),
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
}
"""What has to be set in the environment before lanes of each can be called."""

EUROPEAN = ("own", "mistral")
"""Whose lanes are in the EU there."""


@dataclass(frozen=True)
class Answers:
    """What is asked for.

    ``vendors``: who may be called, ``own`` being models on machines of one's own; ``users``: where they are;
    ``regulated``: medical, legal, financial or personnel questions come; ``tools``: lanes may call some, ``documents``:
    a folder that answers are looked up in; ``floor``: the average quality promised, 0..1; ``budget_usd``: of a day, in
    all, beyond which the cheapest lane answers;
    ``log``: path or URL of the event log.
    """

    vendors: tuple[str, ...] = ("own", "mistral", "openai")
    users: str = "both"
    regulated: bool = True
    tools: bool = False
    documents: str | None = None
    floor: float = 0.7
    budget_usd: float | None = None
    log: str | None = "decisions.sqlite"

    def __post_init__(self) -> None:
        if not self.vendors or (stray := set(self.vendors) - set(VENDORS)):
            found = ", ".join(sorted(stray)) if self.vendors else "none"
            raise InvalidRequestError(f"Found vendors {found}, expected one or more of {', '.join(VENDORS)}.")
        if self.users not in USERS:
            raise InvalidRequestError(f"Found users {self.users!r}, expected one of {', '.join(USERS)}.")
        if not 0 <= self.floor <= 1:
            raise InvalidRequestError(
                f"Found a floor of {self.floor}, expected a quality between 0 and 1, such as 0.7."
            )
        if self.budget_usd is not None and not 0 < self.budget_usd < float("inf"):
            raise InvalidRequestError(f"Found a budget of {self.budget_usd} USD a day, expected a number above 0.")

    @property
    def lanes(self) -> tuple[str, ...]:
        """The lanes that these vendors bring, in the order of ``VENDORS``."""
        return tuple(lane for vendor in VENDORS if vendor in self.vendors for lane in LANES[vendor])

    @property
    def open_to_all(self) -> tuple[str, ...]:
        """The lanes that may answer a request of which nothing is known: where all users are in the EU, those there."""
        return self.european if self.users == "eu" else self.lanes

    @property
    def variables(self) -> tuple[str, ...]:
        """What has to be set in the environment before the lanes can be called."""
        return tuple(name for vendor in VENDORS if vendor in self.vendors for name in VARIABLES[vendor])

    @property
    def private(self) -> tuple[str, ...]:
        """Those on machines of one's own."""
        return LANES["own"] if "own" in self.vendors else ()

    @property
    def european(self) -> tuple[str, ...]:
        """Those in the EU."""
        return tuple(lane for vendor in EUROPEAN if vendor in self.vendors for lane in LANES[vendor])

    @property
    def residency(self) -> bool:
        """Whether requests of users in the EU have to stay there."""
        return self.users != "elsewhere"
