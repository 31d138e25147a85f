"""``router-ml``: route, explain, check, audit and describe from a shell. Each command has a twin here."""

from router_ml.cli import one_thread  # noqa: F401 - first

# isort: split
from router_ml.cli.app import main
from router_ml.cli.audit import audit_events, proof
from router_ml.cli.check import CheckReport, check
from router_ml.cli.contract_page import contract_page
from router_ml.cli.document import write_schemas
from router_ml.cli.inputs import build_request, logged_decision
from router_ml.cli.policy_run import PolicyTestReport, policy_test

__all__ = [
    "CheckReport",
    "PolicyTestReport",
    "audit_events",
    "build_request",
    "check",
    "contract_page",
    "logged_decision",
    "main",
    "policy_test",
    "proof",
    "write_schemas",
]
