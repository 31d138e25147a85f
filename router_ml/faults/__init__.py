"""A server on loopback that answers as OpenAI, Anthropic and vLLM do, and fails as they do, on demand.

For tests, demonstrations and drills: real clients talk to it over real sockets. Its answers suit what was asked, so
that a request goes through whatever lane takes it; its faults come by script or by chance. Standard library only.

>>> with FaultServer() as server:
...     server.script("gpt-4.1", [Fault("rate_limit", retry_after=2), Fault("good")])
...     server.openai_url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

from router_ml.faults.configured import faulty_config
from router_ml.faults.fault import FORMS, KINDS, Fault, Kind
from router_ml.faults.server import Call, FaultServer

__all__ = ["FORMS", "KINDS", "Call", "Fault", "FaultServer", "Kind", "faulty_config"]
