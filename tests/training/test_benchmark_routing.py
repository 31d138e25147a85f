"""The benchmark decides what ships: it must reward knowledge, give luck nothing, and never peek."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.errors import EncoderMismatchError, OfflineDataError
from training.benchmark import __main__ as command
from training.benchmark import protocol, routing
from training.benchmark.protocol import Contest, Label, hold_contest, observe, score
from training.benchmark.routing import Row, benchmark
from training.outcomes import Pack, read_matrix, save_pack

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "../shared/data/outcomes_judged.parquet"
OURS = Label("ours", "full", None, "predicted")


def make_pack(*, groups: int = 200, lanes: int = 3, seed: int = 0) -> Pack:
    """Prompts in near-duplicate pairs; one direction of the embedding says which lanes answer well."""
    rng = np.random.default_rng(seed)
    topic = rng.random(groups).repeat(2)
    embedding = rng.normal(size=(2 * groups, 24)) * 0.3
    embedding[:, 0] += np.where(topic > 0.5, 1.5, -1.5)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    hard = (topic > 0.5).astype(float)
    skill = np.linspace(0.0, 1.0, lanes)
    quality = np.clip(0.9 - 0.6 * hard[:, None] * (1 - skill) + rng.normal(size=(2 * groups, lanes)) * 0.05, 0, 1)
    cost = np.logspace(-5, -2, lanes) * np.exp(rng.normal(size=(2 * groups, 1)) * 0.2)
    share = np.stack([hard, 1 - hard], axis=1).astype(np.float32)
    shape = rng.random((2 * groups, 4)).astype(np.float32)
    contexts = Contexts(embedding.astype(np.float32), shape, share, share, np.full(2 * groups, 50))
    names = tuple(f"lane-{index}" for index in range(lanes))
    return Pack(contexts, quality, cost, np.arange(groups).repeat(2), names, "encoder", "digest")


@pytest.fixture(scope="module")
def pack() -> Pack:
    return make_pack()


@pytest.fixture(scope="module")
def found(pack: Pack) -> tuple[list[Row], Contest]:
    return benchmark(pack, splits=1)


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


def test_every_baseline_is_tried_with_both_costs(found: tuple[list[Row], Contest]) -> None:
    """A baseline without predicted cost loses for a reason that is not its own."""
    labels = {each.label for each in found[0]}
    for name in protocol.BASELINES:
        assert {Label(name, "full", None, "mean"), Label(name, "full", None, "predicted")} <= labels
    assert {"kNN 20", "kNN 50", "kNN 100", "ridge", "PCA20 ridge", "k-means 40 cells", "random forest"} <= {
        label.name for label in labels
    }


def test_fixed_lanes_report_what_they_cost(found: tuple[list[Row], Contest]) -> None:
    rows, contest = found
    cheapest = row(rows, Label("always lane-0")).mean
    assert cheapest.cost_usd == pytest.approx(contest.test.cost_usd[:, 0].mean())
    assert cheapest.quality == pytest.approx(contest.test.quality[:, 0].mean())


@given(seed=st.integers(0, 50), lanes=st.integers(2, 6))
def test_bandit_feedback_hides_all_but_one_lane(seed: int, lanes: int) -> None:
    """One outcome per prompt, its probability logged; anything more would be peeking. Every fold sees every lane."""
    pack = make_pack(groups=100, lanes=lanes)
    outcomes = observe(pack, "bandit", seed=seed)
    seen = np.isfinite(outcomes.quality)
    assert (seen.sum(axis=1) == 1).all()
    assert (seen == np.isfinite(outcomes.cost_usd)).all()
    assert (outcomes.probability[seen] == 1 / lanes).all()
    plain = np.random.default_rng(seed).integers(0, lanes, len(seen))  # the stream that training draws its folds from
    assert (plain == seen.argmax(axis=1)).mean() < 0.8
    assert (outcomes.quality[seen] == pack.quality[seen]).all()
    for rows, lesson in protocol._course(pack, "bandit", seed).folds:
        assert np.isfinite(lesson.outcomes.quality).any(axis=0).all()
        assert not set(pack.group[rows]) & set(np.delete(pack.group, rows))


def test_priors_are_two_hundred_evaluated_prompts(pack: Pack) -> None:
    seen = np.isfinite(observe(pack, "prior+bandit", seed=0).quality).sum(axis=1)
    assert sorted(set(seen.tolist())) == [1, 3]
    assert (seen == 3).sum() == 200


def test_calibration_from_single_outcomes_is_unbiased(pack: Pack) -> None:
    """Doubly robust: averaged over what might have been logged, the truth, whatever was predicted."""
    predicted = np.full(pack.quality.shape, 0.3)
    draws = [observe(pack, "bandit", seed=seed) for seed in range(400)]
    corrected = [protocol._corrected(predicted, each.quality, each.probability) for each in draws]
    assert np.mean(corrected, axis=(0, 1)) == pytest.approx(pack.quality.mean(axis=0), abs=0.02)
    whole = observe(pack, "full", seed=0)
    assert protocol._corrected(predicted, whole.quality, whole.probability) == pytest.approx(pack.quality)


def test_a_bootstrap_draws_whole_groups(found: tuple[list[Row], Contest]) -> None:
    """Near-duplicates drawn apart would make the spread too small."""
    again = found[1].resample(3)
    _, counts = np.unique(again.test.group, return_counts=True)
    assert (counts % 2 == 0).all()
    assert len(again.test.group) == len(found[1].test.group)
    lane = again.candidates[Label("always lane-1")]
    assert score(again)[Label("always lane-1")].quality == pytest.approx(again.test.quality[:, 1].mean())
    assert lane.policies.shape == (1, len(again.test.group))


def test_lanes_may_come_in_another_order_in_the_test_file(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are matched by name; matched by place, cheap and dear lanes would change places unseen."""
    monkeypatch.setattr(protocol, "CONTENDERS", [each for each in protocol.CONTENDERS if each.name == "PCA20 ridge"])
    other = make_pack(seed=5)
    turned = replace(other, quality=other.quality[:, ::-1], cost_usd=other.cost_usd[:, ::-1], lanes=other.lanes[::-1])
    straight, _ = benchmark(pack, other)
    assert [each.as_json() for each in benchmark(pack, turned)[0]] == [each.as_json() for each in straight]
    assert straight[0].sd.quality is not None
    assert straight[0].sd.quality > 0
    with pytest.raises(OfflineDataError, match="Test has lanes lane-0, lane-1, training has"):
        benchmark(pack, make_pack(lanes=2))
    with pytest.raises(EncoderMismatchError):
        benchmark(pack, replace(other, encoder="another"))


def test_two_lanes_get_the_numbers_of_their_field() -> None:
    pack = make_pack(lanes=2)
    train, test = pack.split(0.6, seed=0)
    steps: list[str] = []
    scores = score(hold_contest(train, test, seed=0, step=steps.append))
    ours = scores[OURS]
    assert ours.apgr is not None
    assert ours.cpt80 is not None
    assert ours.apgr > 0.65
    assert ours.cpt80 < 60
    assert scores[Label("always lane-0")].apgr is None
    assert steps == [each.name for each in protocol.CONTENDERS]


def test_json_is_what_was_promised(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others compute with this output: nothing else on standard output, fixed names, our rows named ours."""
    monkeypatch.setattr(routing, "SPLITS", 2)
    few = [each for each in protocol.CONTENDERS if each.name in ("ours", "kNN 50")]
    monkeypatch.setattr(protocol, "CONTENDERS", few)
    save_pack(pack, tmp_path / "pack", prompt_sha256=["00" * 32] * len(pack.group), source="made up")
    arguments = ["routing", "--data", str(tmp_path / "pack"), "--json", "--plot", str(tmp_path / "plot.png")]
    assert run(arguments, monkeypatch) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["data"] == "pack"
    assert report["splits"] == 2
    ours = {(each["feedback"], each["logging"]): each for each in report["rows"] if each["name"] == "ours"}
    assert set(ours) == {("full", None), ("bandit", "uniform"), ("prior+bandit", "uniform")}
    for each in ours.values():
        assert {"gap_closed", "gap_closed_sd", "committed", "spend_vs_budget", "apgr", "cost"} <= set(each)
        assert each["gap_closed_sd"] >= 0
    assert (tmp_path / "plot.png").stat().st_size > 10_000


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
        ({"quality": np.full((400, 3), 1.5)}, "quality in 0..1"),
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
