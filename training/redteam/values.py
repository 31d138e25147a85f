"""All classes of values."""

from __future__ import annotations

from training.redteam import contact_values, finance_values, identity_values, national_values, secret_values
from training.redteam.kinds import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *finance_values.KINDS,
        *contact_values.KINDS,
        *identity_values.KINDS,
        *national_values.KINDS,
        *secret_values.KINDS,
    )
}
