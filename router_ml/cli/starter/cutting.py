"""The configuration that ships, cut into its sections and their entries, comments included."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_SECTION = re.compile(r"([a-z_]+):")
_ENTRY = re.compile(r"  (?:- id: )?([a-z_][\w-]*)(?=:|$)")


@dataclass(frozen=True)
class Shipped:
    """The text of a ``router.yaml`` whose sections stand at the margin and whose entries are indented by two."""

    text: str

    @cached_property
    def _sections(self) -> dict[str, str]:
        blocks: dict[str, str] = {}
        pending: list[str] = []
        name = ""
        for line in self.text.splitlines():
            found = _SECTION.match(line)
            if found:
                name = found[1]
                blocks[name] = "\n".join([*pending, line])
                pending = []
            elif line.startswith("#"):
                pending.append(line)
            elif not line.strip():
                if pending:
                    pending.append(line)
            else:
                blocks[name] += "\n" + line
        return blocks

    def section(self, name: str) -> str:
        """A whole section, with the comment in front of it."""
        return self._sections[name]

    def some(self, name: str, keep: Sequence[str]) -> str:
        """A section with only some of its entries, in their order; its comment and first line stay."""
        head, entries = self._cut(name)
        return "\n".join([head, *(entries[entry] for entry in keep)])

    def _cut(self, name: str) -> tuple[str, dict[str, str]]:
        head: list[str] = []
        entries: dict[str, list[str]] = {}
        current = head
        for line in self._sections[name].splitlines():
            found = _ENTRY.match(line)
            if found:
                current = entries.setdefault(found[1], [])
            current.append(line)
        return "\n".join(head), {entry: "\n".join(lines) for entry, lines in entries.items()}
