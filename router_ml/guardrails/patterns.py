"""The table of all detectors, in the order in which they claim a place: the first to claim it names the finding.

A detector is one row (``detector.Detector``): a type, the risk it implies, a bounded pattern, a cheap trigger, and a
function that accepts or refuses what the pattern proposes. Rows live beside their validators: secrets in
``credentials`` and ``assignments``; personal data in ``payments``, ``personal``, ``national_ids`` and ``phones``.
To add one, add a row; to use your own set, pass ``detectors=(*DETECTORS, mine)`` to ``scan``.
"""

from __future__ import annotations

from router_ml.guardrails.addresses import ADDRESSES
from router_ml.guardrails.assignments import ASSIGNMENTS
from router_ml.guardrails.banking import BANKING
from router_ml.guardrails.credentials import CREDENTIALS
from router_ml.guardrails.detector import Detector
from router_ml.guardrails.national_ids import NATIONAL_IDS
from router_ml.guardrails.network import NETWORK
from router_ml.guardrails.payments import PAYMENTS
from router_ml.guardrails.personal import PERSONAL
from router_ml.guardrails.phones import PHONES
from router_ml.guardrails.records import RECORDS

DETECTORS: tuple[Detector, ...] = (
    *CREDENTIALS,
    *ASSIGNMENTS,
    *PAYMENTS,
    *BANKING,
    *PERSONAL,
    *RECORDS,
    *NATIONAL_IDS,
    *NETWORK,
    *PHONES,
    *ADDRESSES,
)
