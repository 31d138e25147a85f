"""All techniques."""

from __future__ import annotations

from training.redteam import evasions_encoding, evasions_placed, evasions_spoken, evasions_unicode
from training.redteam.technique import Technique

TECHNIQUES: dict[str, Technique] = {
    technique.name: technique
    for module in (evasions_unicode, evasions_encoding, evasions_spoken, evasions_placed)
    for technique in module.TECHNIQUES
}
