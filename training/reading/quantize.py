"""8-bit weights with activations scaled per token: small, fast, and batch-invariant by construction.

Stock dynamic quantisation takes one activation scale from the whole batch, so a text's embedding depends on its
neighbours. Here each token vector has its own scale (LLM.int8, Dettmers et al. 2022, without the outlier split).
Weights are kept in 7 bits (-63..63): CPUs without VNNI add pairs of u8 x s8 products in saturating 16-bit integers, and
255 * 63 * 2 still fits, so integer sums are the same on every x86 CPU.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_WEIGHT_LEVELS = 63
_ACTIVATION_LEVELS = 127
_MIN_EMBEDDING_ROWS = 1000


class _Graph:
    """Nodes and initialisers of the graph under construction."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.added: list[onnx.TensorProto] = []
        self.replaced: set[str] = set()
        self._quantised: dict[str, tuple[str, str]] = {}
        self.constant("q_levels", np.float32(1 / _ACTIVATION_LEVELS))
        self.constant("q_one", np.float32(1))
        self.constant("q_middle", np.uint8(128))

    def constant(self, name: str, value: object) -> str:
        self.added.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def activation(self, name: str) -> tuple[str, str]:
        """Quantise a tensor with one scale per token: names of the uint8 values and of the scales."""
        if name not in self._quantised:
            size = self.node("ReduceMax", [self.node("Abs", [name], f"{name}_abs")], f"{name}_max", axes=[-1])
            scale = self.node("Mul", [size, "q_levels"], f"{name}_scale")
            levels = self.node("Div", [name, scale], f"{name}_levels")
            quantised = self.node("QuantizeLinear", [levels, "q_one", "q_middle"], f"{name}_u8")
            self._quantised[name] = quantised, scale
        return self._quantised[name]

    def matmul(self, node: onnx.NodeProto) -> None:
        """A product with a constant matrix, in integers."""
        source, weight = node.input
        result = node.output[0]
        columns, scale = _rounded(self.weights[weight], axis=0, levels=_WEIGHT_LEVELS)
        quantised, token_scale = self.activation(source)
        matrix = self.constant(f"{result}_w", columns)
        column_scale = self.constant(f"{result}_ws", scale[0])
        product = self.node("MatMulInteger", [quantised, matrix, "q_middle"], f"{result}_i32")
        as_float = self.node("Cast", [product], f"{result}_f32", to=TensorProto.FLOAT)
        by_token = self.node("Mul", [as_float, token_scale], f"{result}_by_token")
        self.node("Mul", [by_token, column_scale], result)
        self.replaced.add(weight)

    def gather(self, node: onnx.NodeProto) -> None:
        """A look-up in the word table, one scale per row."""
        table, ids = node.input
        rows, scale = _rounded(self.weights[table], axis=1, levels=_ACTIVATION_LEVELS)
        found = self.node("Gather", [self.constant(f"{table}_q", rows), ids], f"{table}_found")
        scales = self.node("Gather", [self.constant(f"{table}_s", scale), ids], f"{table}_scales")
        as_float = self.node("Cast", [found], f"{table}_found_f32", to=TensorProto.FLOAT)
        self.node("Mul", [as_float, scales], node.output[0])
        self.replaced.add(table)


def _rounded(weight: NDArray[np.float32], *, axis: int, levels: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric integers and their scale, one per column (axis 0) or row (axis 1)."""
    scale = np.abs(weight).max(axis=axis, keepdims=True) / levels
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.round(weight / scale).astype(np.int8), scale


def quantize(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with integer matrix products and an 8-bit word table; inputs and outputs keep their names."""
    graph = _Graph(model)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in graph.weights:
            graph.matmul(node)
        elif node.op_type == "Gather" and len(graph.weights.get(node.input[0], ())) >= _MIN_EMBEDDING_ROWS:
            graph.gather(node)
        else:
            graph.nodes.append(node)
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in graph.replaced]
    quantised = helper.make_graph(
        graph.nodes, model.graph.name, model.graph.input, model.graph.output, [*kept, *graph.added]
    )
    result = helper.make_model(quantised, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(result)
    return result
