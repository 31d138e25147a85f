"""Write ``config.yaml`` of a LiteLLM proxy from a ``router.yaml`` in the same folder: ``make_config.py FOLDER``.

A group for each lane under its name, and ``router`` for callers to ask for. Keys stay in the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from router_ml.config import load_config
from router_ml.integrations.litellm import deployments


def main(folder: Path) -> None:
    """Write it."""
    lanes = deployments(load_config(folder / "router.yaml"))
    never_called = {"model_name": "router", "litellm_params": {"model": "openai/router", "api_key": "none"}}
    settings = {
        "model_list": [*lanes, never_called],
        "litellm_settings": {"callbacks": "router_hook.hook", "num_retries": 0, "drop_params": True},
        "router_settings": {"disable_cooldowns": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
