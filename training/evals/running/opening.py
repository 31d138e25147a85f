"""What a command line names, opened: a bench with a router that writes into no log, and suites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from router_ml.config.schema import Logging
from router_ml.deciding.reading import Guards
from router_ml.router import Router
from router_ml.storage.loading import open_learned
from training.evals.bench import Bench
from training.evals.suite import NAMES, SUITES, Suite, load_suite


def open_bench(model: str | None, config: Path | None, *, judge: str | None = None) -> Bench:
    """The router of a bundle, or of a ``router.yaml``, as ``Router.load`` finds them, but without a log: evaluations
    are no traffic.

    Raises:
        BundleError, RegistryError, ConfigError: they cannot be trusted, fetched or read.
    """
    opened = open_learned(model, config=config)
    settings = opened.config.model_copy(update={"logging": Logging()})
    router = Router(
        settings,
        bundle=opened.bundle,
        registry=opened.registry,
        guards=Guards.open(settings, folder=opened.folder),
        rewards=opened.rewards,
    )
    return Bench(settings, router, judge=judge)


def open_suites(names: Sequence[str]) -> list[Suite]:
    """Suites by name or folder; all that ship where none is named.

    Raises:
        OfflineDataError: one cannot be read.
    """
    there = [name for name in NAMES if (SUITES / name / "suite.yaml").is_file()]
    return [load_suite(name) for name in (dict.fromkeys(names) or there)]
