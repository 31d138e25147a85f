"""What the gateway adds to a call of a lane, beside the LiteLLM proxy: ``python -m benchmarks.serve.overhead``.

The same requests over kept connections to the same fault server: directly, through the LiteLLM proxy, through the proxy
with our hook (which decides and looks at answers too), and through the gateway, whole and with parts left out. In
blocks, in turns, so that all meet the same machine; once one at a time, once several. Overhead is what is there beyond
the direct call, of the medians. Time of the processor is that of the server's own process, per request: on a machine
that others use it is the steadier one.

Promised is what the gateway itself adds, beside a proxy that decides nothing either; deciding, and looking at answers,
read texts with the encoder, and cost the same wherever they are done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml

from benchmarks.execution.apart import server_apart
from benchmarks.serve.asking import Connection
from benchmarks.serve.servers import ROOT, SINGLE, Running, free_port, running, uvicorn
from benchmarks.serving import Measurement, corpus_texts, near, show
from router_ml import Router
from router_ml.faults import FaultServer, faulty_config
from router_ml.faults.configured import KEY_ENV
from router_ml.storage.bundle import Bundle

LANE = "openai"
TOKENS = 45
BLOCK = 20
DIRECT, PLAIN, HOOKED = "direct call", "LiteLLM proxy", "LiteLLM proxy with our hook"
GATEWAY = {
    "whole": "gateway",
    "unchecked": "gateway, answers not looked at",
    "bare": "gateway, nothing decided, answers not looked at",
}
MOST = 0.5
PYTHON = ROOT / "runs" / "environments" / "litellm-proxy" / "bin" / "python"
"""Has LiteLLM's proxy and this package; the test of the proxy builds it."""


@dataclass
class Taken:
    """Milliseconds of requests by the clock; of the server's processor, over all of them; seconds they took in all."""

    wall: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    seconds: float = 0.0

    @property
    def p50(self) -> float:
        """Milliseconds by the clock."""
        return float(np.percentile(self.wall, 50))

    @property
    def cpu(self) -> float:
        """Milliseconds of the processor."""
        return self.cpu_ms / len(self.wall)


def overhead(python: Path, *, blocks: int, concurrency: Sequence[int] = (1, 8)) -> list[Measurement]:
    """Everything, measured with each concurrency."""
    found: list[Measurement] = []
    with server_apart() as faults, TemporaryDirectory() as folder, ExitStack() as stack:
        config = faulty_config(faults, Bundle.load("models/default").config)
        (Path(folder) / "router.yaml").write_text(
            yaml.safe_dump(config.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=False)
        )
        served = {name: stack.enter_context(one) for name, one in _servers(faults, python, Path(folder)).items()}
        texts = _texts(faults, size=BLOCK * 8)
        for many in concurrency:
            taken = asyncio.run(_measure(served, texts, blocks=blocks, many=many))
            found += _numbers(taken, many)
    return found


def _servers(faults: FaultServer, python: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {DIRECT: _direct(faults)}
    found[PLAIN] = _litellm(python, folder / "plain", hooked=False)
    found[HOOKED] = _litellm(python, folder / "hooked", hooked=True)
    for variant, name in GATEWAY.items():
        found[name] = _gateway(folder, variant)
    return found


@contextmanager
def _direct(faults: FaultServer) -> Iterator[Running]:
    yield Running(faults.openai_url.removesuffix("/v1"), os.getpid())


@contextmanager
def _gateway(folder: Path, variant: str) -> Iterator[Running]:
    port = free_port()
    more = {"BENCHMARK_VARIANT": variant, "BENCHMARK_CONFIG": str(folder / "router.yaml"), KEY_ENV: "no-secret"}
    environ = {**os.environ, **SINGLE, **more, "PYTHONPATH": str(ROOT)}
    command = uvicorn("benchmarks.serve.variants:app", port=port)
    said = folder / f"{variant}.log"
    with running(command, port=port, alive="/v1/models", said=said, environ=environ) as served:
        yield served


@contextmanager
def _litellm(python: Path, folder: Path, *, hooked: bool) -> Iterator[Running]:
    folder.mkdir()
    (folder / "router.yaml").write_text((folder.parent / "router.yaml").read_text())
    example = ROOT / "examples" / "litellm_proxy"
    (folder / "router_hook.py").write_text((example / "router_hook.py").read_text())
    subprocess.run([python, example / "make_config.py", folder], cwd=ROOT, timeout=120, check=True)
    if not hooked:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        del config["litellm_settings"]["callbacks"]
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    port, key = free_port(), f"sk-{secrets.token_urlsafe(32)}"
    environ = {
        **SINGLE,
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "ROUTER_ML_MODEL": str(ROOT / "models" / "default"),
        KEY_ENV: "no-secret",
        "NO_PROXY": "127.0.0.1",
    }
    command = [str(python.parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    said = folder / "said.log"
    with running(command, port=port, alive="/health/liveliness", said=said, environ=environ, key=key) as served:
        yield served


def _texts(faults: FaultServer, *, size: int) -> list[str]:
    """Texts that take one call and nothing else: no person, no look-up, no shape."""
    bundle = Bundle.load("models/default")
    router = Router(faulty_config(faults, bundle.config), bundle=bundle)
    asked: dict[str, Any] = {"constraints": {"allow_lanes": [LANE], "explore": False}}
    found = []
    for text in dict.fromkeys(near(corpus_texts(), lambda text: len(text.split()), TOKENS, size=size * 6)):
        decision = router.predict_route(text, **asked)
        plain = decision.output_contract.name == "text" and decision.retrieval.strategy == "none"
        if decision.lane == LANE and plain and not decision.tools:
            found.append(text)
    return (found * size)[:size]


async def _measure(served: Mapping[str, Running], texts: Sequence[str], *, blocks: int, many: int) -> dict[str, Taken]:
    taken = {name: Taken() for name in served}
    for name, one in served.items():  # all texts once, for caches and for ``bare``
        await _block(name, one, texts, Taken(), many=many)
    names = list(served)
    for turn in range(blocks):
        start = turn * BLOCK % len(texts)
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            await _block(name, served[name], texts[start : start + BLOCK], taken[name], many=many)
    return taken


async def _block(name: str, served: Running, texts: Sequence[str], taken: Taken, *, many: int) -> None:
    """Ask for all texts, ``many`` at a time, over connections that are open before time is taken."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(Connection(served.url, key=served.key)) for _ in range(many)]
        waiting = iter(texts)

        async def work(connection: Connection) -> None:
            for text in waiting:
                at = time.perf_counter()
                status, body = await connection.post("/v1/chat/completions", _body(name, text))
                taken.wall.append(1000 * (time.perf_counter() - at))
                if status != 200:
                    raise RuntimeError(f"{name} answered {status}: {body[:500]!r}")

        cpu, began = served.cpu_ms(), time.perf_counter()
        await asyncio.gather(*map(work, connections))
        taken.seconds += time.perf_counter() - began
        taken.cpu_ms += served.cpu_ms() - cpu


def _body(name: str, text: str) -> dict[str, Any]:
    model = "gpt-4.1" if name == DIRECT else LANE
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 64}


def _numbers(taken: Mapping[str, Taken], many: int) -> list[Measurement]:
    how, base = f"{many} at a time", taken[DIRECT]
    found = [Measurement(f"{DIRECT}, {how}, p50", base.p50, "ms")]
    for name, one in taken.items():
        if name == DIRECT:
            continue
        spread = [float(np.percentile(part, 50)) - base.p50 for part in np.array_split(np.array(one.wall), 5)]
        found += [
            Measurement(f"{name}, {how}, overhead p50", one.p50 - base.p50, "ms"),
            Measurement(f"{name}, {how}, overhead p50, least of 5 parts", min(spread), "ms"),
            Measurement(f"{name}, {how}, overhead p50, most of 5 parts", max(spread), "ms"),
            Measurement(f"{name}, {how}, processor", one.cpu, "ms"),
            Measurement(f"{name}, {how}, requests", len(one.wall) / one.seconds, "/s"),
        ]
    for name, beside in ((GATEWAY["bare"], PLAIN), (GATEWAY["whole"], HOOKED), (GATEWAY["whole"], PLAIN)):
        ratio = (taken[name].p50 - base.p50) / (taken[beside].p50 - base.p50)
        target = MOST if (name, beside) == (GATEWAY["bare"], PLAIN) else None
        found.append(Measurement(f"overhead of {name} / {beside}, {how}", ratio, "x", target))
        cpu = taken[name].cpu / taken[beside].cpu
        found.append(Measurement(f"processor of {name} / {beside}, {how}", cpu, "x"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", type=Path, default=PYTHON, help="of an environment with LiteLLM's proxy and us")
    parser.add_argument("--blocks", type=int, default=30, help=f"of {BLOCK} requests each")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    found = overhead(options.python, blocks=options.blocks)
    if options.json:
        sys.stdout.write(json.dumps([{**asdict(item), "ok": item.ok} for item in found], indent=1) + "\n")
    else:
        show(found)
    return int(any(one.ok is False for one in found))


if __name__ == "__main__":
    sys.exit(main())
