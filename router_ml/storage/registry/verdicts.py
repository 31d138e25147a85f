"""What the gate said of a version: about which bundle, against which champion, and by which report.

A report lets one version pass, once: after that was stopped or rolled back, there has to be another one. Whoever may
write to the registry, or hand in a file as a report, can say anything; what they said is in the log, with their name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from router_ml.errors import InvalidRequestError, ReleaseError
from router_ml.storage.registry.lookup import Version

VERDICT, REPORT, JUDGED, AGAINST = "verdict", "verdict_sha256", "verdict_bundle", "verdict_champion"
USED = "verdict_used."
STOPPED, ROLLED_BACK = "stopped", "rolled back"
PASSED = "promote"
NONE = "none"


def tags_of(
    verdict: str,
    report: Mapping[str, Any] | None,
    *,
    version: Version,
    champion: Version | None,
    alike: Iterable[Version],
) -> dict[str, str]:
    """How a verdict is kept on a version.

    Args:
        report: as ``router_ml.offline.gate.Verdict.to_dict`` writes it; only a verdict that stops may come without.
        champion: what the version would replace, None where there is nothing.
        alike: versions of the same bundle; what was stopped under one number does not come back under another.

    Raises:
        InvalidRequestError: the report is missing, or says something else.
        ReleaseError: it is about other bundles, or was used before.
    """
    label, against = f"{version.name}/{version.version}", champion.bundle or NONE if champion else NONE
    if report is None:
        if verdict == PASSED:
            raise InvalidRequestError(f"The verdict {PASSED} on {label} comes without its report. Hand in the report.")
        return {JUDGED: version.bundle or NONE, AGAINST: against, REPORT: NONE, VERDICT: verdict}
    if report.get("verdict") != verdict:
        raise InvalidRequestError(f"The report says {report.get('verdict')!r}, the verdict is {verdict!r}.")
    about, judged_against = report.get("challenger"), report.get("champion")
    if about != version.bundle:
        raise ReleaseError(
            f"{label} is bundle {version.bundle}, the verdict is about {about or 'no bundle that it names'}. Name the "
            "version that was judged."
        )
    if champion is not None and judged_against != champion.bundle:
        raise ReleaseError(
            f"The champion is bundle {champion.bundle}, the verdict on {label} is against "
            f"{judged_against or 'no bundle that it names'}. Evaluate it --against models:/{version.name}@champion."
        )
    digest = hashlib.sha256(json.dumps(report, sort_keys=True, default=str).encode()).hexdigest()
    for found in alike:
        if USED + digest[:32] in found.tags and not _stands(found, digest):
            raise ReleaseError(
                f"This report let {found.name}/{found.version} pass before, and then it was {_fate(found)}. Evaluate "
                f"{label} again, on decisions since then."
            )
    judged = {JUDGED: str(about), AGAINST: against, REPORT: digest, USED + digest[:32]: verdict}
    return {**judged, VERDICT: verdict}  # last what the others are about


def check(tags: Mapping[str, str | None], *, version: Version, bundle: str, champion: str) -> None:
    """Whether the gate passed this bundle, against this champion, by the tags of the version.

    Raises:
        ReleaseError: it did not, or judged others; says what to do.
    """
    found, judged, against = tags.get(VERDICT), tags.get(JUDGED), tags.get(AGAINST)
    label = f"{version.name}/{version.version}"
    if found is None:
        raise ReleaseError(
            f"{label} has no verdict, expected promote. Evaluate it with router-ml evaluate, or take the step by force."
        )
    if found != PASSED:
        raise ReleaseError(
            f"{label} has the verdict {found!r}, expected promote. Train a better one, or take the step by force."
        )
    if judged != bundle:
        raise ReleaseError(f"The verdict on {label} is about bundle {judged}, it holds {bundle}. Evaluate it again.")
    if against != champion:
        raise ReleaseError(
            f"The verdict on {label} is against bundle {against}, the champion is {champion}. Evaluate it again."
        )


def detail_of(tags: Mapping[str, str | None]) -> dict[str, str | None]:
    """What the event of a step says of the verdict."""
    return {"verdict": tags.get(VERDICT), "report_sha256": tags.get(REPORT), "judged_against": tags.get(AGAINST)}


def _stands(version: Version, digest: str) -> bool:
    """Whether a report is the one that a version stands on now."""
    return version.tags.get(REPORT) == digest and version.tags.get(VERDICT) not in (STOPPED, ROLLED_BACK)


def _fate(version: Version) -> str:
    fate = version.tags.get(VERDICT)
    return fate if fate in (STOPPED, ROLLED_BACK) else "judged anew"
