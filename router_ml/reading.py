"""How a router reads what comes in and what goes out: with one scan and one classifier for both."""

from __future__ import annotations

from collections.abc import Sequence

from router_ml.config import RouterConfig
from router_ml.contract import RouteRequest
from router_ml.guardrails.scan import Scan
from router_ml.guardrails.scan import scan as scan_strings
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding, understand, unlearned


def scan(config: RouterConfig, request: RouteRequest) -> Scan:
    """What the detectors find in every string of a request, or of an answer in the shape of one."""
    return scan_strings(request, max_bytes=config.guardrails.max_bytes)


def read(config: RouterConfig, bundle: Bundle | None, requests: Sequence[RouteRequest]) -> list[Understanding]:
    """Encode and classify; without a bundle, only sizes and language are known."""
    if bundle is None:
        return [unlearned(request) for request in requests]
    rails = config.guardrails
    least = rails.unvalidated_language_min_chars
    return understand(requests, bundle.encoder, bundle.classifier, max_bytes=rails.max_bytes, min_characters=least)
