"""The table of all detectors, in the order in which they claim a place: the first to claim it names the finding.

A detector is one row (``Detector``): a type, the risk it implies, a bounded pattern, a cheap trigger, and a function
that accepts or refuses what the pattern proposes. Rows live beside their validators in ``detectors/``: secrets in
``credentials``, ``assignments`` and ``command_lines``; personal data in ``payments``, ``banking``, ``personal``,
``records``, ``national_ids``, ``network``, ``phones``, ``addresses`` and ``whole_addresses``; rarer kinds in ``packs``.
To add one, add a row; to use your own set, pass ``detectors=(*DETECTORS, mine)`` to ``scan``.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_ml.guardrails.detectors.assignments import ASSIGNMENTS
from router_ml.guardrails.detectors.banking import BANKING
from router_ml.guardrails.detectors.command_lines import COMMAND_LINES
from router_ml.guardrails.detectors.credentials import CREDENTIALS
from router_ml.guardrails.detectors.detector import Detector
from router_ml.guardrails.detectors.national_ids import NATIONAL_IDS
from router_ml.guardrails.detectors.network import NETWORK
from router_ml.guardrails.detectors.packs import PACKS
from router_ml.guardrails.detectors.payments import PAYMENTS
from router_ml.guardrails.detectors.personal import PERSONAL
from router_ml.guardrails.detectors.phones import PHONES
from router_ml.guardrails.detectors.records import RECORDS
from router_ml.guardrails.detectors.whole_addresses import ADDRESSES
from router_ml.guardrails.fingerprint import fingerprint

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
