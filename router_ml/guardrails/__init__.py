"""What is allowed: hard rules that nothing learned can override.

``scan`` finds personal data, secrets and orders to change something; ``risk_tier`` and ``rule`` turn what was found
into a tier and the lanes, tools and indexes that are left; ``within`` adds ceilings of cost and latency.
"""

from router_ml.guardrails.policy import Facts, Ruling, risk_tier, rule, within
from router_ml.guardrails.scan import Scan, scan

__all__ = ["Facts", "Ruling", "Scan", "risk_tier", "rule", "scan", "within"]
