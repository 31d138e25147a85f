"""``litellm.Router`` with lanes that the router decides: ``python -m examples.litellm_router``."""

from __future__ import annotations

import asyncio

from examples.setting import loopback_router
from router_ml.integrations.litellm import LanePlugin, deployments
from router_ml.router import Router


async def ask(router: Router) -> None:
    """One call; its retries follow the fallback of the decision."""
    import litellm

    plugin = LanePlugin(router)
    litellm.callbacks.append(plugin.log)
    calls = litellm.Router(
        model_list=deployments(router.config, name="router"), plugins=[plugin], num_retries=2, disable_cooldowns=True
    )
    answer = await calls.acompletion(
        model="router", messages=[{"role": "user", "content": "What is the capital of France?"}]
    )
    print(answer.model, answer.choices[0].message.content)


def main() -> None:
    """Ask once."""
    with loopback_router() as router:
        asyncio.run(ask(router))


if __name__ == "__main__":
    main()
