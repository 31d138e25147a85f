"""A folder of documents is searched as it is now, by ids that always mean the same text."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router_ml.errors import ConfigError
from router_ml.execution.retrieval.documents import LONGEST, SHORTEST, Caps, pieces_of
from router_ml.execution.retrieval.embedding import Embedding
from router_ml.execution.retrieval.folder import FolderIndex
from router_ml.execution.retrieval.llamaindex import LlamaIndexRetriever
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.retrieval.rerank import SentenceReranker
from router_ml.understanding.encoder import Encoder


@dataclass
class Counting:
    """Letters as vectors; counts what it embeds."""

    fingerprint: str = "letters"
    seen: list[str] = field(default_factory=list)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen.extend(texts)
        rows = np.array([[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts], np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "data" / "retrieval" / "documents", tmp_path / "documents"))


def _touch(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_what_is_asked_in_the_words_of_a_passage_is_found(folder: Path) -> None:
    for query, source in (("late payment reminder", "billing.md"), ("rate limit of requests", "api.html")):
        found = FolderIndex(folder).search(query, top_k=3)
        assert found[0].source == source
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert FolderIndex(folder).search("zzz qqq", top_k=3) == []


def test_meaning_finds_more_than_words(folder: Path, encoder: Encoder, root: Path) -> None:
    rows = [
        json.loads(row) for row in (root / "data/retrieval/questions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    by_words, both = FolderIndex(folder), FolderIndex(folder, embed=Embedding(encoder))

    def hits(index: FolderIndex) -> int:
        return sum(
            any(Path(one.source).stem == row["document"] for one in index.search(row["question"], top_k=3))
            for row in rows
        )

    assert hits(both) > hits(by_words) + 5


def test_only_what_is_new_is_embedded_again(folder: Path) -> None:
    first = Counting()
    size = len(FolderIndex(folder, embed=first))
    assert len(first.seen) == size
    again = Counting()
    index = FolderIndex(folder, embed=again)
    index.search("leave", top_k=1)
    assert again.seen == ["leave"]
    _touch(folder / "new.md", "# New\n\nA passage about zebras.")
    index.refresh()
    assert again.seen[1:] == ["New\nA passage about zebras."]
    other = Counting(fingerprint="another encoder")
    FolderIndex(folder, embed=other).search("leave", top_k=1)
    assert len(other.seen) == size + 2


@pytest.mark.parametrize("harm", ["cut", "swap", "text", "gone"])
def test_vectors_on_disk_that_do_not_fit_are_made_anew(folder: Path, harm: str) -> None:
    size = len(FolderIndex(folder, embed=Counting()))
    kept = folder.parent / ".documents.index"
    if harm == "cut":
        (kept / "vectors.npy").write_bytes((kept / "vectors.npy").read_bytes()[:-9])
    elif harm == "swap":
        np.save(kept / "vectors.npy", np.ones((size, 26), np.float32))
    elif harm == "text":
        _touch(kept / "vectors.json", "[]")
    else:
        (kept / "vectors.json").unlink()
    again = Counting()
    assert len(FolderIndex(folder, embed=again)) == size
    assert len(again.seen) == size


def test_no_text_of_a_document_is_kept_beside_it(folder: Path) -> None:
    len(FolderIndex(folder, embed=Counting()))
    kept = b"".join(path.read_bytes() for path in (folder.parent / ".documents.index").iterdir())
    assert b"annual" not in kept


def test_a_changed_file_is_seen_after_a_while_and_gone_files_go(folder: Path) -> None:
    now = [100.0]
    index = FolderIndex(folder, clock=lambda: now[0])
    assert index.search("zebras", top_k=1) == []
    _touch(folder / "leave.md", "# Leave\n\nZebras have leave.")
    assert index.search("zebras", top_k=1) == []
    now[0] += 6
    assert index.search("zebras", top_k=1)[0].source == "leave.md"
    (folder / "leave.md").unlink()
    now[0] += 6
    assert index.search("zebras", top_k=1) == []


def test_while_a_changed_folder_is_read_the_old_state_is_served(folder: Path) -> None:
    """Embedding a thousand new passages takes a while, and nobody has to wait for it."""
    now, index = [0.0], None
    seen: list[str] = []

    class Slow(Counting):
        def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if index is not None and any("Zebras" in text for text in texts):
                other = threading.Thread(
                    target=lambda: seen.extend(one.source for one in index.search("sick leave", top_k=1))
                )
                other.start()
                other.join(10)
            return super().__call__(texts)

    index = FolderIndex(folder, embed=Slow(), words=1.0, clock=lambda: now[0])
    assert index.search("sick leave", top_k=1)[0].source == "leave.md"
    _touch(folder / "new.md", "# New\n\nZebras are new.")
    now[0] += 6
    assert index.search("zebras", top_k=1)[0].source == "new.md"
    assert seen == ["leave.md"]


def test_a_folder_is_searched_by_words_until_its_vectors_are_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand passages take a minute to embed, and a request has ten seconds."""
    monkeypatch.setattr("router_ml.execution.retrieval.folder._FIRST_SECONDS", 0.0)
    go = threading.Event()

    class Slow(Counting):
        def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
            go.wait(30)
            return super().__call__(texts)

    embed = Slow()
    index = FolderIndex(folder, embed=embed, background=True)
    try:
        assert index.search("sick leave", top_k=1)[0].source == "leave.md"
        assert embed.seen == []
    finally:
        go.set()
    index.refresh()
    index.search("sick leave", top_k=1)
    assert len(embed.seen) == len(index) + 1


def test_a_small_folder_is_whole_at_its_first_search(folder: Path) -> None:
    embed = Counting()
    FolderIndex(folder, embed=embed, background=True).search("sick leave", top_k=1)
    assert embed.seen[-1] == "sick leave"


def test_what_is_embedded_is_not_lost_where_the_rest_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router_ml.execution.retrieval.vectors._AT_ONCE", 10)

    class Failing(Counting):
        def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if len(self.seen) >= 20:
                raise MemoryError
            return super().__call__(texts)

    with pytest.raises(MemoryError):
        len(FolderIndex(folder, embed=Failing()))
    found = FolderIndex(folder, embed=Failing(), background=True).search("sick leave", top_k=1)
    assert found[0].source == "leave.md"
    again = Counting()
    assert len(FolderIndex(folder, embed=again)) == len(again.seen) + 40


def test_a_folder_that_cannot_be_read_is_an_error_of_the_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> list[Path]:
        raise OSError("stale handle")

    index = FolderIndex(folder, background=True)
    monkeypatch.setattr("router_ml.execution.retrieval.folder.files_of", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="stale"):
            index.search("sick leave", top_k=1)
    monkeypatch.undo()
    assert index.search("sick leave", top_k=1)[0].source == "leave.md"


def test_an_id_stays_while_the_text_does_and_no_longer() -> None:
    before = pieces_of("a b/[x].md", "# A\n\nOne.\n\n# B\n\nTwo.")
    after = pieces_of("a b/[x].md", "# A\n\nOne.\n\n# B\n\nThree.")
    assert before[0].id == after[0].id
    assert before[1].id != after[1].id
    assert not any(mark in before[0].id for mark in "[] ,;")


@settings(max_examples=50)
@given(st.lists(st.text(st.sampled_from("ab .\n"), min_size=1, max_size=400), max_size=6), st.integers(1, 4))
def test_no_word_of_a_document_is_lost_and_no_passage_is_too_long(parts: list[str], times: int) -> None:
    text = "\n\n".join(part * times for part in parts)
    pieces = pieces_of("x.txt", text)
    assert all(len(piece.text) <= LONGEST + SHORTEST for piece in pieces)
    assert len({piece.id for piece in pieces}) == len(pieces)
    assert sum(piece.text.count("a") for piece in pieces) == text.count("a")


def test_a_page_is_read_without_its_scripts(folder: Path) -> None:
    said = "".join(piece.text for piece in FolderIndex(folder).pieces if piece.source == "api.html")
    assert "600 requests" in said
    assert "Developer API > Rate limits" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>T</title><body><p>Refunds take five days.</p></body></html>",
        "<html><head><title>T</title><h1>Refunds</h1>Refunds take five days.</html>",
        "<head><noscript><img src=x></noscript><title>T</title><div>Refunds take five days.</div>",
        "<p>a</p><noscript>x<p>Refunds take five days.</p>",
        "<template>x<p>Refunds take five days.</p>",
        "<noscript>x<template>y</noscript><p>Refunds take five days.</p>",
    ],
)
def test_a_page_that_closes_nothing_is_not_lost(page: str) -> None:
    said = "\n".join(piece.text for piece in pieces_of("a.html", page))
    assert "Refunds take five days." in said
    assert "T" not in said


def test_what_a_page_only_has_for_browsers_is_not_read() -> None:
    page = (
        "<html><head><title>T</title></head><body>a<noscript>hidden <p>one</noscript> b<template>hidden</template> c"
        "<script>hidden()</script><style>hidden</style></body></html>"
    )
    assert [piece.text.split() for piece in pieces_of("a.html", page)] == [["a", "b", "c"]]


def test_files_that_are_cut_or_say_nothing_are_told(folder: Path) -> None:
    _touch(folder / "empty.html", "<html><head></head><body></body></html>")
    whole = FolderIndex(folder)
    assert whole.skipped == ("empty.html",)
    some = FolderIndex(folder, caps=Caps(passages=len(whole) - 1))
    last = whole.pieces[-1].source
    assert set(some.skipped) == {"empty.html", last}
    assert any(piece.source == last for piece in some.pieces)


def test_caps_hold_and_what_is_left_out_is_told(folder: Path) -> None:
    _touch(folder / "big.txt", "word " * 1000)
    index = FolderIndex(folder, caps=Caps(bytes=3000, passages=10))
    assert len(index) == 10
    assert "big.txt" in index.skipped


def test_links_out_of_the_folder_and_hidden_files_are_not_read(folder: Path, tmp_path: Path) -> None:
    _touch(tmp_path / "outside.md", "zebras outside")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    _touch(folder / ".hidden.md", "zebras hidden")
    assert FolderIndex(folder).search("zebras", top_k=5) == []


def test_a_folder_that_is_not_there_is_an_error_and_an_empty_one_finds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        FolderIndex(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert FolderIndex(tmp_path / "empty", embed=Counting()).search("a", top_k=3) == []


def test_the_reranker_puts_the_sentence_that_answers_first() -> None:
    long = "Shipping is quick. " * 6 + "Islands take longer."
    passages = [Passage("a", long, 0.9), Passage("b", "Gift cards expire after three years.", 0.8)]
    found = SentenceReranker().rerank("when do gift cards expire", passages, top_k=2)
    assert [one.id for one in found] == ["b", "a"]
    assert SentenceReranker().rerank("x", [], top_k=2) == []


def test_a_llamaindex_retriever_is_one_of_ours() -> None:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class Fixed(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            nodes = [
                TextNode(id_=f"n{at}", text=f"{query_bundle.query_str} {at}", metadata={"file_path": "a.md"})
                for at in range(4)
            ]
            return [NodeWithScore(node=node, score=at / 10) for at, node in enumerate(nodes)]

    found = LlamaIndexRetriever(Fixed()).search("leave", top_k=2)
    assert found == [Passage("n3", "leave 3", 0.3, "a.md"), Passage("n2", "leave 2", 0.2, "a.md")]
