"""The rules of a gateway follow its ``router.yaml``: what is valid takes effect without a restart, what is not is said.

Only rules can change so. A file that changes anything else, such as lanes or prices, is refused as a whole and waits
for a restart; so does one that is wrong, while the last good rules stay in force.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from router_ml.errors import ConfigError, RouterError
from router_ml.rollout import Rollout
from router_ml.router import Router

logger = logging.getLogger(__name__)

WHO = "router-ml serve"


@dataclass
class Following:
    """A file that is looked at now and then. ``in_force``: the digest of what is; ``refused``: why what is in the file
    now is not; None where it is."""

    path: Path
    in_force: str
    refused: str | None = None
    _seen: str = field(default="", repr=False)

    @classmethod
    def of(cls, path: Path) -> Following:
        """Call before the file is opened, so that no change is missed."""
        found = _digest(path) or ""
        return cls(path, found, _seen=found)

    def look(self, router: Router | Rollout) -> bool:
        """Put in force what has changed; whether anything has. Each change is an audit event of this process."""
        found = _digest(self.path)
        if found is None or found == self._seen:
            return False
        self._seen = found
        if found == self.in_force:  # what was refused has been taken back
            self.refused = None
            return False
        try:
            event = router.replace_policies(self.path, who=WHO, why=f"{self.path.name} has changed")
        except RouterError as error:
            self.refused = _told(error)
            logger.error("The changed rules are not in force, those before stay: %s", self.refused)
            return False
        self.in_force, self.refused = found, None
        logger.info(
            "The changed rules are in force.",
            extra={"file_sha256": found, "policy_sha256": event.policy_sha256_after, "event": event.event_id},
        )
        return True


def _told(error: RouterError) -> str:
    if not isinstance(error, ConfigError):
        return str(error)
    more = len(error.problems) - 1
    return str(error.problems[0]) + (f" And {more} more: router-ml check lists all." if more else "")


def _digest(path: Path) -> str | None:
    """None while the file is away, as between the two steps of some editors."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
