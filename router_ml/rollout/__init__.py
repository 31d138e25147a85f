"""A router that follows a release: champion, canary, holdback and shadow of a registered model, as its aliases say.

It has the methods of ``Router``. Guardrails hold whatever arm decides; overrides, reports of health, budgets and
sessions are those of the process, not of a bundle. What was learned online stays with the bundle that learned it.
"""

from router_ml.rollout.serving import Rollout
from router_ml.rollout.status import Status

__all__ = ["Rollout", "Status"]
