"""The benchmark decides what ships: it must reward knowledge, give luck nothing, and never peek."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.storage import registry
from training.benchmark import __main__ as command
from training.benchmark import routing
from training.benchmark.contenders import OURS, Contender, Label, entries
from training.benchmark.protocol import Contest, hold_contest, score
from training.benchmark.routing import benchmark
from training.benchmark.rows import Row
from training.outcomes import Pack, read_matrix, save_pack

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "../shared/data/outcomes_judged.parquet"
YARDSTICK = ROOT / "../shared/metric.py"


@pytest.fixture(scope="module")
def found(pack: Pack) -> tuple[list[Row], Contest]:
    kinds = (("full", None), ("bandit", "uniform"))
    few = [each for each in entries(["kNN 50", "ours"]) if isinstance(each, Contender)]
    return benchmark(pack, splits=1, field=[each for each in few if (each.feedback, each.logging) in kinds])


def row(rows: list[Row], label: Label) -> Row:
    return next(each for each in rows if each.label == label)


def test_knowledge_is_rewarded_and_luck_is_not(found: tuple[list[Row], Contest]) -> None:
    """If blind controls came near a router that knows the topic, no number of the table would mean anything."""
    rows, _ = found
    ours = row(rows, OURS).mean
    assert ours.gap_closed > 50
    assert ours.committed is not None
    assert ours.committed > 50
    assert ours.spend_vs_budget == pytest.approx(1, abs=0.15)
    for name in ("shuffled predictions", "random mix"):
        blind = row(rows, Label(name)).mean
        assert blind.gap_closed < ours.gap_closed - 40
        assert blind.committed is None
    from_one = row(rows, Label("ours", "bandit", "uniform", "predicted")).mean
    assert 30 < from_one.gap_closed <= ours.gap_closed + 5


def test_every_baseline_is_tried_with_both_costs() -> None:
    """A baseline without predicted cost loses for a reason that is not its own."""
    with_everything = [each for each in entries() if isinstance(each, Contender) and each.feedback == "full"]
    assert {"kNN 20", "kNN 50", "kNN 100", "ridge", "logistic", "MLP", "random forest"} <= {
        each.name for each in with_everything
    }
    for each in entries():
        if isinstance(each, Contender) and not each.label("predicted").ours:
            assert {"mean", "predicted"} <= set(each.costs)


def test_fixed_lanes_report_what_they_cost(found: tuple[list[Row], Contest]) -> None:
    rows, contest = found
    cheapest = row(rows, Label("always lane-0")).mean
    assert cheapest.cost_usd == pytest.approx(contest.test.cost_usd[:, 0].mean())
    assert cheapest.quality == pytest.approx(contest.test.quality[:, 0].mean())


def test_a_bootstrap_draws_whole_groups(found: tuple[list[Row], Contest]) -> None:
    """Near-duplicates drawn apart would make the spread too small."""
    again = found[1].resample(3)
    _, counts = np.unique(again.test.group, return_counts=True)
    assert (counts % 2 == 0).all()
    assert len(again.test.group) == len(found[1].test.group)
    lane = again.candidates[Label("always lane-1")]
    assert score(again)[Label("always lane-1")].quality == pytest.approx(again.test.quality[:, 1].mean())
    assert lane.policies.shape == (1, len(again.test.group))


def test_lanes_may_come_in_another_order_in_the_test_file(pack: Pack, make_pack: Callable[..., Pack]) -> None:
    """Columns are matched by name; matched by place, cheap and dear lanes would change places unseen."""
    field = entries(["ridge"])
    other = make_pack(seed=5)
    turned = replace(other, quality=other.quality[:, ::-1], cost_usd=other.cost_usd[:, ::-1], lanes=other.lanes[::-1])
    straight, _ = benchmark(pack, other, field=field)
    assert [each.as_json() for each in benchmark(pack, turned, field=field)[0]] == [each.as_json() for each in straight]
    assert straight[0].sd.quality is not None
    assert straight[0].sd.quality > 0
    with pytest.raises(OfflineDataError, match="Test has lanes lane-0, lane-1, training has"):
        benchmark(pack, make_pack(lanes=2))
    with pytest.raises(EncoderMismatchError):
        benchmark(pack, replace(other, encoder="another"))


def test_two_lanes_get_the_numbers_of_their_field(make_pack: Callable[..., Pack]) -> None:
    pack = make_pack(lanes=2)
    train, test = pack.split(0.6, seed=0)
    steps: list[str] = []
    field = [each for each in entries(["ridge", "ours"]) if isinstance(each, Contender) and each.feedback == "full"]
    scores = score(hold_contest(train, test, field, seed=0, step=steps.append))
    ours = scores[OURS]
    assert ours.apgr is not None
    assert ours.cpt80 is not None
    assert ours.apgr > 0.65
    assert ours.cpt80 < 60
    assert scores[Label("always lane-0")].apgr is None
    assert steps == [each.name for each in field]


def test_scores_are_those_of_the_original_yardstick(make_pack: Callable[..., Pack]) -> None:
    """From the policies and plans of a contest, the first metric gives the numbers of the table."""
    if not YARDSTICK.is_file():
        pytest.skip("needs ../shared/metric.py beside the repository")
    metric = runpy.run_path(str(YARDSTICK))
    train, test = make_pack(lanes=2).split(0.6, seed=0)
    contest = hold_contest(train, test, entries(["ridge"]), seed=0)
    quality, cost = test.quality, test.cost_usd
    assert list(contest.budgets) == pytest.approx(metric["budgets"](train.quality, train.cost_usd), rel=1e-12)
    for label, found in score(contest).items():
        candidate = contest.candidates[label]
        expected = metric["evaluate"](quality, cost, {"it": candidate.policies})
        assert found.gap_closed == pytest.approx(expected["it"]["gap_closed"], rel=1e-9, abs=1e-9)
        if candidate.plans:
            plans = [(plan.low, plan.high, plan.share) for plan in candidate.plans]
            points = [metric["realise"](quality, cost, candidate.policies, plan) for plan in plans]
            kept = metric["committed_score"](expected["_ref"], points, contest.budgets)
            assert found.committed == pytest.approx(kept["gap_closed"], rel=1e-9)
            assert found.spend_vs_budget == pytest.approx(1 + kept["overspend_pct"] / 100, rel=1e-9)
        if candidate.margin is not None:
            two = metric["apgr_cpt"](quality[:, 0], quality[:, 1], candidate.margin)
            assert (found.apgr, found.cpt50, found.cpt80) == pytest.approx((two["apgr"], two["cpt50"], two["cpt80"]))


def test_json_is_what_was_promised(
    make_pack: Callable[..., Pack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others compute with this output: nothing else on standard output, fixed names, our rows named ours. A recorded
    run holds the same table."""
    monkeypatch.setattr(routing, "SPLITS", 2)
    recorded: dict[str, Any] = {}
    monkeypatch.setattr(
        registry, "log_run", lambda name, **what: recorded.update(what, table=what["files"][0].read_text())
    )
    small = make_pack(groups=60)
    save_pack(small, tmp_path / "pack", prompt_sha256=["00" * 32] * len(small.group), source="made up")
    arguments = ["--data", str(tmp_path / "pack"), "--json", "--plot", str(tmp_path / "plot.png"), "--mlflow"]
    assert run(["routing", *arguments, "--rows", "ours", "--rows", "lane means"], monkeypatch) == 0
    printed = capsys.readouterr().out
    report = json.loads(printed)
    assert report["data"] == "pack"
    assert report["splits"] == 2
    ours = {(each["feedback"], each["logging"]): each for each in report["rows"] if each["name"] == "ours"}
    assert set(ours) == {("full", None), *product(("bandit", "prior+bandit"), ("uniform", "skewed"))}
    for each in ours.values():
        assert {"gap_closed", "gap_closed_sd", "committed", "spend_vs_budget", "apgr", "cost"} <= set(each)
        assert each["gap_closed_sd"] >= 0
        assert each["versus_best"]["name"] == "lane means"
        assert each["versus_best"]["low"] < each["versus_best"]["difference"] < each["versus_best"]["high"]
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert recorded["table"] == printed
    assert recorded["params"] == {"data": "pack", "splits": 2}
    assert recorded["metrics"]["ours/full/predicted/gap_closed"] == ours["full", None]["gap_closed"]
    assert "ours/prior_bandit/skewed/predicted/committed" in recorded["metrics"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere/pack"], "There is no outcome pack nowhere/pack.json."),
        (["--data", "nowhere/matrix.parquet"], "There is no outcome matrix at nowhere/matrix.parquet."),
        (["--train", "nowhere/pack"], "--train and --test go together"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["routing", *arguments], monkeypatch) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(message)
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quality": np.full((400, 3), 1.5)}, r"quality of 1\.5 .* expected in 0\.\.1"),
        ({"cost_usd": np.zeros((400, 3))}, "cost above 0"),
        ({"quality": np.ones((400, 1)), "cost_usd": np.ones((400, 1)), "lanes": ("only",)}, "needs two lanes"),
    ],
)
def test_what_cannot_be_scored_is_refused(pack: Pack, tmp_path: Path, change: dict[str, object], message: str) -> None:
    """A log of zero or a quality above 1 would quietly bend every row."""
    save_pack(replace(pack, **change), tmp_path / "bad", prompt_sha256=["00" * 32] * 400, source="made up")
    with pytest.raises(OfflineDataError, match=message):
        routing.load(tmp_path / "bad", ROOT / "models" / "default")


def test_a_matrix_gives_the_numbers_of_its_pack(tmp_path: Path) -> None:
    """The same prompts through a Parquet file or through the pack that ships: the same contexts and outcomes."""
    pytest.importorskip("pyarrow", reason="reads Parquet; install router-ml[train]")
    if not MATRIX.is_file():
        pytest.skip("needs ../shared/data/outcomes_judged.parquet beside the repository")
    import pandas

    from router_ml.understanding.classifier import Classifier
    from router_ml.understanding.encoder import Encoder
    from training.outcomes import load_pack

    models = ROOT / "models" / "default"
    pandas.read_parquet(MATRIX).head(8).to_parquet(tmp_path / "some.parquet")
    read, _ = read_matrix(tmp_path / "some.parquet", Encoder.load(models / "encoder"), Classifier.load(models))
    shipped = load_pack(encoder=read.encoder).take(np.arange(8))
    assert read.lanes == shipped.lanes
    assert (read.quality == shipped.quality).all()
    assert (read.cost_usd == shipped.cost_usd).all()
    assert read.contexts.embedding == pytest.approx(shipped.contexts.embedding, abs=1e-3)
    assert (read.contexts.tokens_in == shipped.contexts.tokens_in).all()
    pandas.DataFrame({"prompt": ["x"], "quality__a": [1.0]}).to_parquet(tmp_path / "thin.parquet")
    with pytest.raises(OfflineDataError, match="no column group, cost_usd__a"):
        read_matrix(tmp_path / "thin.parquet", Encoder.load(models / "encoder"), Classifier.load(models))


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["benchmark", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)
