"""A bundle proves what it is, or does not load."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router_ml.errors import BundleError, BundleFormatError, BundleIntegrityError
from router_ml.storage.bundle import MANIFEST, Bundle, verify
from router_ml.storage.loading import shipped_bundle


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_bundle(), tmp_path / "bundle"))


@pytest.mark.parametrize("seed", range(6))
def test_one_flipped_byte_anywhere_is_refused(copy: Path, seed: int) -> None:
    """A damaged model would still answer, wrongly: every file is checked before any is opened."""
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.name != MANIFEST)
    path = random.Random(seed).choice(files)
    _flip(path, path.read_bytes(), seed)
    with pytest.raises(BundleIntegrityError, match=path.name):
        Bundle.load(copy)


def test_one_flipped_byte_in_the_manifest_is_refused(copy: Path) -> None:
    """The list of digests is as much part of a bundle as what it lists; no traceback of a parser comes out."""
    path = copy / MANIFEST
    sound = path.read_bytes()
    for seed in range(60):
        _flip(path, sound, seed)
        with pytest.raises(BundleError):
            verify(copy)
    path.write_bytes(sound)
    assert verify(copy).name == "router"


def _flip(path: Path, content: bytes, seed: int) -> None:
    choice, data = random.Random(seed), bytearray(content)
    data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
    path.write_bytes(data)


def test_a_missing_file_is_named(copy: Path) -> None:
    """What is missing is said, so that it can be restored."""
    (copy / "allocation.json").unlink()
    with pytest.raises(BundleIntegrityError, match=r"allocation\.json is missing"):
        Bundle.load(copy)


def test_the_digest_of_the_classifier_follows_its_files_alone(copy: Path) -> None:
    """A decision says which classifier read it; another price list makes no other classifier."""
    manifest = verify(copy)
    for name, changes in (("classifier.json", True), ("classifier.safetensors", True), ("router.yaml", False)):
        other = replace(manifest, files={**manifest.files, name: "0" * 64})
        assert (other.classifier_sha256 != manifest.classifier_sha256) is changes


def test_an_unlisted_file_is_refused(copy: Path) -> None:
    """Nothing rides along that the manifest does not vouch for."""
    (copy / "extra.bin").write_bytes(b"x")
    with pytest.raises(BundleIntegrityError, match=r"extra\.bin is not listed"):
        Bundle.load(copy)


def _future(manifest: dict[str, object]) -> None:
    manifest["format"] = 99


def _no_format(manifest: dict[str, object]) -> None:
    del manifest["format"]


def _unknown_field(manifest: dict[str, object]) -> None:
    manifest["surprise"] = 1


@pytest.mark.parametrize("change", [_future, _no_format, _unknown_field])
def test_a_manifest_of_another_format_is_refused(copy: Path, change: Callable[[dict[str, object]], None]) -> None:
    """A bundle from a later release says so instead of being half understood."""
    manifest = json.loads((copy / MANIFEST).read_text())
    change(manifest)
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleFormatError):
        Bundle.load(copy)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "7", '{"format": []}'])
def test_a_broken_manifest_is_a_bundle_error(copy: Path, text: str) -> None:
    """No traceback of a parser reaches the caller."""
    (copy / MANIFEST).write_text(text)
    with pytest.raises(BundleError):
        Bundle.load(copy)


def test_the_shipped_bundle_is_what_its_manifest_says() -> None:
    """What is committed loads, and knows where it came from."""
    manifest = verify(shipped_bundle())
    assert manifest.training["outcomes_from_pack"] > 0
    assert manifest.id.startswith("router-")


def test_a_manifest_that_was_changed_is_refused(copy: Path) -> None:
    """A name or a training number that nobody measured must not ride on a sound bundle."""
    for key, value in (("name", "other"), ("created_at", "2020-01-01"), ("training", {"outcomes_from_pack": 1})):
        text = (copy / MANIFEST).read_text()
        (copy / MANIFEST).write_text(json.dumps({**json.loads(text), key: value}))
        with pytest.raises(BundleIntegrityError, match=MANIFEST):
            Bundle.load(copy)
        (copy / MANIFEST).write_text(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [("files", []), ("files", None), ("files", "x"), ("files", {"a": 1}), ("name", 7), ("training", []), ("seal", 1)],
)
def test_a_manifest_with_wrong_types_is_of_another_format(copy: Path, key: str, value: object) -> None:
    """Also where its seal is right: another program wrote it. No attribute error of ours reaches the caller."""
    manifest = {**json.loads((copy / MANIFEST).read_text()), key: value}
    if key != "seal":
        rest = {name: field for name, field in manifest.items() if name != "seal"}
        manifest["seal"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleFormatError, match=MANIFEST):
        Bundle.load(copy)
