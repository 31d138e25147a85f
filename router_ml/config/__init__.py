"""``router.yaml``: lanes, tools, indexes, contracts, policies, traffic classes, plan, exploration, logging."""

from router_ml.config.load import config_sha256, load_config, parse_config, policy_sha256, prices_sha256
from router_ml.config.rules import Policy
from router_ml.config.schema import Lane, RouterConfig, TrafficClass

__all__ = [
    "Lane",
    "Policy",
    "RouterConfig",
    "TrafficClass",
    "config_sha256",
    "load_config",
    "parse_config",
    "policy_sha256",
    "prices_sha256",
]
