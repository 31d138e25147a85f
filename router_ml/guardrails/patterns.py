"""The table of all detectors, in the order in which they claim a place: the first to claim it names the finding.

A detector is one row (``detector.Detector``): a type, the risk it implies, a bounded pattern, a cheap trigger, and a
function that accepts or refuses what the pattern proposes. Rows live beside their validators: secrets in
``credentials``, ``assignments`` and ``command_lines``; personal data in ``payments``, ``banking``, ``personal``,
``records``, ``national_ids``, ``network``, ``phones``, ``addresses`` and ``whole_addresses``; rarer kinds in ``packs``.
To add one, add a row; to use your own set, pass ``detectors=(*DETECTORS, mine)`` to ``scan``.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_ml.guardrails.assignments import ASSIGNMENTS
from router_ml.guardrails.banking import BANKING
from router_ml.guardrails.command_lines import COMMAND_LINES
from router_ml.guardrails.credentials import CREDENTIALS
from router_ml.guardrails.detector import Detector
from router_ml.guardrails.fingerprint import fingerprint
from router_ml.guardrails.national_ids import NATIONAL_IDS
from router_ml.guardrails.network import NETWORK
from router_ml.guardrails.packs import PACKS
from router_ml.guardrails.payments import PAYMENTS
from router_ml.guardrails.personal import PERSONAL
from router_ml.guardrails.phones import PHONES
from router_ml.guardrails.records import RECORDS
from router_ml.guardrails.whole_addresses import ADDRESSES

__all__ = ["DETECTORS", "PACKS", "detectors", "fingerprint"]

DETECTORS: tuple[Detector, ...] = (
    *CREDENTIALS,
    *ASSIGNMENTS,
    *COMMAND_LINES,
    *PAYMENTS,
    *BANKING,
    *PERSONAL,
    *RECORDS,
    *NATIONAL_IDS,
    *NETWORK,
    *PHONES,
    *ADDRESSES,
)


def detectors(packs: Sequence[str] = ()) -> tuple[Detector, ...]:
    """The default detectors, preceded by those of some packs, so that an IMEI is not claimed as a card.

    Raises:
        ValueError: if a pack is unknown; the message names the known ones.
    """
    unknown = sorted(set(packs) - PACKS.keys())
    if unknown:
        raise ValueError(f"Unknown pack {', '.join(map(repr, unknown))}. Expected some of: {', '.join(sorted(PACKS))}.")
    return (*(row for name in sorted(set(packs)) for row in PACKS[name]), *DETECTORS)
