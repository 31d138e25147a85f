"""HTTP clients for calls to lanes, which go to the address they were given and to no other.

LiteLLM's own follow redirects: one answer of a server would send the conversation, and with some vendors the key,
wherever that server says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

_HANDLER = frozenset(
    ("anthropic", "azure_ai", "databricks", "deepseek", "fireworks_ai", "gemini", "groq", "hosted_vllm", "huggingface")
) | frozenset(("mistral", "ollama", "ollama_chat", "openrouter", "together_ai", "xai"))
"""Providers that LiteLLM calls with a handler of its own."""

_SDK = frozenset(("custom_openai", "litellm_proxy", "llamafile", "lm_studio", "openai"))
"""Providers that it calls with OpenAI's client, which holds address and key."""


class Clients:
    """One HTTP client for each event loop, since connections belong to a loop; safe to share between threads.

    Providers that LiteLLM calls in another way, such as Azure and Bedrock, keep its own clients.
    """

    def __init__(self) -> None:
        self._made: dict[asyncio.AbstractEventLoop, Any] = {}
        self._lock = threading.Lock()

    def of(self, provider: str, endpoint: Mapping[str, Any]) -> dict[str, Any]:
        """``client`` for a call from the running loop; nothing where LiteLLM's own has to do.

        Args:
            endpoint: ``api_base`` and ``api_key`` as LiteLLM takes them.
        """
        if provider in _HANDLER:
            return {"client": self._handler()}
        if provider not in _SDK or not endpoint.get("api_base"):
            return {}
        from openai import AsyncOpenAI

        handler = self._handler()
        address = {"base_url": endpoint["api_base"], "api_key": endpoint.get("api_key")}
        return {"client": AsyncOpenAI(**address, http_client=handler.client, max_retries=0)}

    def _handler(self) -> Any:
        from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._made:
                self._made = {one: client for one, client in self._made.items() if not one.is_closed()}
                self._made[loop] = AsyncHTTPHandler(follow_redirects=False)
            return self._made[loop]
