"""Quantisation: close to the original, the same alone as in a batch, and safe on CPUs that saturate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx", reason="onnx (extra: train) is needed to quantise")
ort = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.slow

VOCABULARY, WIDTH, OUT = 1200, 16, 8


@pytest.fixture(scope="module")
def original() -> Any:
    """Look up words, multiply twice (once by a matrix with a column of zeros), add what came before."""
    rng = np.random.default_rng(0)
    values = {
        "table": rng.normal(size=(VOCABULARY, WIDTH)),
        "positions": rng.normal(size=(12, WIDTH)),
        "first": rng.normal(size=(WIDTH, WIDTH)) * np.linspace(0.1, 10, WIDTH),
        "second": rng.normal(size=(WIDTH, OUT)) * (np.arange(OUT) != 3),
    }
    table = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()]
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("Gather", ["table", "ids"], ["words"]),
            node("Gather", ["positions", "places"], ["where"]),
            node("Add", ["words", "where"], ["x"]),
            node("MatMul", ["x", "first"], ["y"]),
            node("MatMul", ["x", "second"], ["aside"]),
            node("Tanh", ["y"], ["z"]),
            node("MatMul", ["z", "second"], ["out"]),
        ],
        "toy",
        [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["batch", "tokens"])
            for name in ("ids", "places")
        ],
        [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", "tokens", OUT])
            for name in ("out", "aside")
        ],
        table,
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def quantised(original: Any) -> Any:
    from training.reading.quantize import quantize

    return quantize(original)


def run(model: Any, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    return np.concatenate(session.run(["out", "aside"], {"ids": ids, "places": places}), axis=-1)


def batch(n: int = 6, seed: int = 1) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, VOCABULARY, (n, 9))


def constants(model: Any) -> dict[str, NDArray[Any]]:
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_the_result_stays_close_to_the_original(original: Any, quantised: Any) -> None:
    exact, rounded = run(original, batch()), run(quantised, batch())
    cosine = (exact * rounded).sum(-1) / np.linalg.norm(exact, axis=-1) / np.linalg.norm(rounded, axis=-1)
    assert cosine.min() > 0.995
    assert not np.array_equal(exact, rounded)


def test_a_row_is_the_same_alone_as_beside_any_other_row(quantised: Any) -> None:
    """A shared activation scale, as stock dynamic quantisation has it, moves every row when one row is loud."""
    ids = batch()
    together = run(quantised, ids)
    for row in range(len(ids)):
        np.testing.assert_array_equal(run(quantised, ids[row : row + 1])[0], together[row])


def test_integer_weights_cannot_overflow_16_bit_sums(quantised: Any) -> None:
    """CPUs without VNNI add two u8 x s8 products in saturating 16 bits: 255 * 63 * 2 fits, 255 * 127 * 2 does not."""
    matrices = {n: v for n, v in constants(quantised).items() if v.dtype == np.int8 and v.shape[0] == WIDTH}
    assert len(matrices) == 3
    for matrix in matrices.values():
        assert np.abs(matrix.astype(int)).max() <= 63
        assert 255 * 2 * int(np.abs(matrix.astype(int)).max()) < 2**15


def test_every_float_matrix_and_the_word_table_are_gone(quantised: Any) -> None:
    """One that stays would keep the bundle four times as large. Small tables are left alone."""
    left = {name for name, value in constants(quantised).items() if value.dtype == np.float32 and value.ndim == 2}
    assert "table" not in left
    assert "first" not in left
    assert "second" not in left
    assert "positions" in left
    assert [node.op_type for node in quantised.graph.node].count("MatMulInteger") == 3


def test_a_column_of_zeros_stays_zero(quantised: Any) -> None:
    """Its scale is 0 / 63: a division by it would fill the embedding with NaN."""
    result = run(quantised, batch())
    assert np.isfinite(result).all()
    assert (result[..., 3] == 0).all()


def test_names_of_inputs_and_outputs_are_kept(original: Any, quantised: Any) -> None:
    for side in ("input", "output"):
        assert [value.name for value in getattr(quantised.graph, side)] == [
            value.name for value in getattr(original.graph, side)
        ]
