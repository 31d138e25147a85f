"""The direction of imports, the owner of each heavy library, and what ``import router_ml`` may cost.

A reader can trust the layout only as long as this file holds it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "router_ml"
FILES = sorted(PACKAGE.rglob("*.py"))
TRAINING = sorted((ROOT / "training").rglob("*.py"))

# Lowest first. A unit is a file or folder of router_ml; it imports only from lower rows.
ORDER = (
    {"errors"},
    {"contract"},
    {"config"},
    {"telemetry"},
    {"understanding", "guardrails", "allocation"},
    {"planning"},
    {"rewards", "counterfactual"},
    {"storage"},
    {"ruling"},
    {"state"},
    {"deciding"},
    {"router"},
    {"rollout"},
    {"front_door", "served_model"},
    {"faults"},
    {"execution"},
    {"offline", "integrations"},
    {"serve"},
    {"cli"},
)
RANK = {unit: rank for rank, units in enumerate(ORDER) for unit in units}

# ``RouteDecision.what_if`` and its like are where a reader looks for them; they hand themselves to the selection above
# when they are called.
DELEGATES = {
    ("contract/decision.py", "router_ml.counterfactual.what_if.what_if"),
    ("contract/decision.py", "router_ml.counterfactual.nearest.nearest_changes"),
    ("offline/engine/run.py", "router_ml.offline.engine.processes.in_processes"),
    ("offline/engine/run.py", "router_ml.offline.engine.ray.ray_rows"),
    ("offline/gate.py", "router_ml.offline.gating.report.fragment"),
    ("offline/simulation/counting/tally.py", "router_ml.offline.simulation.counting.counted.result_of"),
}

OWNERS = {
    "vowpalwabbit": ("allocation/bandit.py",),
    "onnxruntime": ("understanding/encoder.py",),
    "sqlalchemy": ("storage/",),
    "mlflow": ("storage/registry/", "served_model.py"),
    "litellm": ("execution/lanes/",),
    "fastapi": ("serve/",),
    "starlette": ("serve/",),
    "uvicorn": ("serve/",),
    "jinja2": ("serve/console/",),
    "opentelemetry": ("telemetry/",),
    "ray": ("offline/engine/ray.py",),
}
EXTRAS = (
    "litellm",
    "jsonschema",
    "regex",
    "httpx",
    "referencing",
    "opentelemetry",
    "mcp",
    "pandas",
    "scipy",
    "mlflow",
    "pyarrow",
    "ray",
    "fastapi",
    "uvicorn",
)
"""Libraries that an installation without extras does not have."""
SLOW = ("torch", "mlflow", "litellm", "sklearn", "pandas", "scipy", "opentelemetry")
UNSAFE = {"pickle", "cPickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Dotted names that a file imports anywhere, also inside functions; type-checking blocks do not count."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    stack: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} has a relative import; write the whole name."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            stack.extend(node.orelse)
        else:
            stack.extend(ast.iter_child_nodes(node))


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def everything() -> list[Path]:
    """Python files of the project, without virtual environments, results of runs, caches, builds and a local model
    store."""
    left_out = ("__pycache__", "build", "dist", "site-packages", "artifacts")
    tops = [top for top in ROOT.iterdir() if top.name != "runs" and not top.name.startswith(".")]
    return [
        path
        for path in (*ROOT.glob("*.py"), *(found for top in tops if top.is_dir() for found in top.rglob("*.py")))
        if not any(part.startswith(".") or part in left_out for part in path.relative_to(ROOT).parts)
    ]


def test_a_file_imports_only_from_below() -> None:
    for path in FILES:
        here = unit(path)
        if here == "__init__":
            continue  # the public names, loaded lazily
        assert here in RANK, f"{named(path)} has no place yet: give {here!r} a row in ORDER."
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] not in ("training", "tests"), f"{named(path)} imports {name}, which is not in the wheel."
            if parts[0] == "router_ml" and parts[1] != here and (named(path), name) not in DELEGATES:
                assert parts[1] in RANK, f"{named(path)} imports {name}, which is none of the units in ORDER."
                assert RANK[parts[1]] < RANK[here], f"{named(path)} imports {name}, which is not below it."


def test_no_module_needs_itself() -> None:
    """Inside a folder, too, there is an order in which the files can be read."""
    files = {dotted(path): path for path in FILES if path != PACKAGE / "__init__.py"}
    needs: dict[str, set[str]] = {}
    for module, path in files.items():
        found = {name for name in imports(path) if (named(path), name) not in DELEGATES}
        needs[module] = {name if name in files else name.rpartition(".")[0] for name in found} & files.keys() - {module}
    order = TopologicalSorter({module: sorted(found) for module, found in sorted(needs.items())})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(("file", "name"), sorted(DELEGATES))
def test_a_delegating_import_is_inside_a_function(file: str, name: str) -> None:
    """At the top of the file it would be a cycle; and an exception that nothing needs any more has to go."""
    top = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    assert name in imports(PACKAGE / file)
    loaded = [node for node in top.body if isinstance(node, ast.ImportFrom) and node.module == name.rpartition(".")[0]]
    assert not loaded


def test_each_heavy_library_has_one_owner() -> None:
    """Its traps are handled in one place, and it can be replaced there."""
    for path in FILES:
        if unit(path) == "integrations":
            continue
        for name in imports(path):
            owners = OWNERS.get(name.split(".")[0])
            if owners is not None:
                assert named(path).startswith(owners), f"{named(path)} imports {name}; only {', '.join(owners)} may."


def test_the_owners_exist() -> None:
    """A rename would leave the rules above without anything to hold."""
    for library in ("vowpalwabbit", "onnxruntime", "sqlalchemy", "mlflow"):
        users = {named(path) for path in FILES if any(name.split(".")[0] == library for name in imports(path))}
        assert users, f"nothing imports {library} any more"


def test_every_folder_says_what_is_in_it() -> None:
    """The first line of its ``__init__.py`` is what a newcomer has to find the way by."""
    folders = {path.parent / "__init__.py" for path in (*FILES, *TRAINING)}
    silent = {path for path in folders if not path.is_file() or not ast.get_docstring(ast.parse(path.read_text()))}
    assert sorted(path.relative_to(ROOT).as_posix() for path in silent) == []


def test_training_is_not_in_the_wheel_and_uses_the_package() -> None:
    assert any(name.startswith("router_ml.") for path in TRAINING for name in imports(path))
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'packages = ["router_ml"]' in pyproject


def test_nothing_unpickles() -> None:
    """A pickle runs whatever its author wrote; a bundle from a registry must not."""
    found = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in everything()
        for name in imports(path)
        if name.split(".")[0] in UNSAFE
    }
    assert found == set()


def test_the_mlflow_folder_holds_no_python() -> None:
    """One file there would shadow the library for everything that runs from the root."""
    assert [path for path in everything() if path.is_relative_to(ROOT / "mlflow")] == []


@pytest.mark.parametrize(
    "statement",
    ["import router_ml", "import router_ml; [getattr(router_ml, name) for name in router_ml.__all__]"],
    ids=["import", "every public name"],
)
def test_importing_loads_no_slow_library(statement: str) -> None:
    """They take seconds, and an installation without extras does not have them."""
    code = f"import sys; {statement}; print([name for name in {SLOW!r} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("statement", ["from router_ml.cli import main", "from router_ml import Router, predict_route"])
def test_the_base_installation_starts_without_extras(statement: str) -> None:
    """Extras are asked for where they are used, by name, and not with an ImportError at the start."""
    block = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))"
    command = [sys.executable, "-c", f"{block}; {statement}"]
    seen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert seen.returncode == 0, seen.stderr[-2000:]
