"""What the documents promise can be done: files and headings that they point to are there, commands and options that
they name exist, configuration that they show is valid, and how-tos run from top to bottom."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from router_ml.config import RouterConfig
from router_ml.config.load import load_config
from tests.documents import HowTo, anchors, blocks, commands, documents, links, merged, wrong_in

DOCUMENTS = documents()
HOW_TOS = [path for path in DOCUMENTS if path.parent.name == "howto" and "<!-- run" in path.read_text("utf-8")]


def names(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


def test_links_lead_somewhere(root: Path) -> None:
    """A reader who follows a link finds the file, and the heading where one is named."""
    broken = []
    for path in DOCUMENTS:
        for link in links(path.read_text(encoding="utf-8")):
            file, _, heading = link.partition("#")
            place = (path.parent / file).resolve() if file else path
            if not place.exists() or (heading and place.suffix == ".md" and heading not in anchors(place)):
                broken.append(f"{path.relative_to(root)}: {link}")
    assert broken == []


def test_every_document_is_in_the_list_of_them(root: Path) -> None:
    """docs/README.md names each document, and that of the how-tos each of these."""
    lists = [root / "docs" / "README.md", root / "docs" / "howto" / "README.md"]
    named = {
        (page.parent / link.partition("#")[0]).resolve() for page in lists for link in links(page.read_text("utf-8"))
    }
    wanted = {path for path in DOCUMENTS if path.is_relative_to(root / "docs")} | set(root.glob("*.md"))
    assert sorted(str(path.relative_to(root)) for path in wanted - named - {lists[0]}) == []


def test_the_map_of_folders_is_whole(root: Path) -> None:
    """One that has not followed a move leads astray."""
    text = (root / "ARCHITECTURE.md").read_text("utf-8").partition("| folder of `router_ml/` |")[2]
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    named = sorted(path.strip("/") for row in rows for path in re.findall(r"`([^`]+)`", row.split(" | ")[0]))
    there = {path.relative_to(root / "router_ml").parts[0] for path in (root / "router_ml").rglob("*.py")}
    assert named == sorted(there - {"__init__.py"})


def test_commands_and_options_exist(root: Path) -> None:
    """A reader who copies a command does not find out that it was renamed."""
    wrong = []
    for path in DOCUMENTS:
        if path.name != "CHANGELOG.md":  # it speaks of older versions
            for words in commands(path.read_text(encoding="utf-8")):
                if found := wrong_in(words):
                    wrong.append(f"{path.relative_to(root)}: {' '.join(words)}: {found}")
    assert wrong == []


def test_what_is_imported_in_documents_and_notebooks_exists(root: Path) -> None:
    """A move of modules follows here, too; the notebooks are only run by the slow tests."""
    wrong = []
    for path in (*DOCUMENTS, *sorted((root / "notebooks").glob("*.ipynb"))):
        text = path.read_text(encoding="utf-8")
        for module, names in re.findall(r"from ((?:router_ml|training|benchmarks)[\w.]*) import ([\w, ]+)", text):
            place = root.joinpath(*module.split("."))
            files = [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
            known = "".join(file.read_text(encoding="utf-8") for file in files)
            wrong += [
                f"{path.name}: {name} of {module}"
                for name in (each.split(" as ")[0].strip() for each in names.split(","))
                if name and not re.search(rf"\b{name}\b", known) and not any(place.glob(f"{name}*"))
            ]
    assert wrong == []


def test_what_is_not_there_is_noticed() -> None:
    """The test above would see a command that is gone, and an option that never was."""
    assert wrong_in(["router-ml", "teleport"])
    assert wrong_in(["router-ml", "policy", "diff", "--sideways"])
    assert wrong_in(["python", "-m", "training.evals", "run", "--loudly"])
    assert wrong_in(["python", "-m", "training.teleport"])
    assert wrong_in(["python", "-m", "training.retrain", "--sideways"])
    assert wrong_in(["router-ml", "policy", "test", "table.yaml", "--json"]) is None


def configuration(path: Path) -> list[dict[str, Any]]:
    """The blocks of a document that show sections of a ``router.yaml``, but for those that a how-to puts into one."""
    found = []
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.kind == "yaml" and not block.does:
            said = yaml.load(block.text, Loader=yaml.CSafeLoader)
            if isinstance(said, dict) and set(said) <= set(RouterConfig.model_fields):
                found.append(said)
    return found


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if configuration(path)], ids=names)
def test_configuration_that_is_shown_is_valid(path: Path, tmp_path: Path, root: Path, models: Path) -> None:
    """What a document shows of a ``router.yaml`` can be put into the one that ships."""
    shipped = yaml.load((models / "router.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    for large in ("cues", "plan", "slots"):  # what is not needed to understand the rest
        shipped.pop(large)
    shutil.copytree(root / "data" / "tools", tmp_path / "tools")  # where contracts of tools are read from
    for number, said in enumerate(configuration(path)):
        file = tmp_path / f"{number}.yaml"
        whole = said if "version" in said and "lanes" in said else merged(shipped, said)
        file.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), encoding="utf-8")
        load_config(file)


@pytest.mark.slow
@pytest.mark.parametrize("path", HOW_TOS, ids=names)
def test_a_how_to_can_be_followed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files and commands work in this order, in an empty folder, and end as it says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ROUTER_ML_LOG", raising=False)
    monkeypatch.delenv("ROUTER_ML_MODEL", raising=False)
    assert HowTo(path, tmp_path).follow()
