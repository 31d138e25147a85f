"""A user's own detector: one file, run in a process of its own with a deadline.

``load`` starts it; ``UserDetector.ask`` answers or says why not. The process may hang, crash, print or return garbage:
the scan is then ``unknown``, the process is replaced, and nothing that it was shown is repeated. The deadline is
wall-clock time, the only one in the guardrails: foreign code counts no steps. Everything else is bounded in bytes.

It is a fence against accidents, not a sandbox: the file runs with the rights of the router's user.
"""

from router_ml.guardrails.detectors.external import DetectorFault, External
from router_ml.guardrails.worker.user import UserDetector, load

__all__ = ["DetectorFault", "External", "UserDetector", "load"]
