"""An index that is broken, though every record can be read."""

from __future__ import annotations

from pathlib import Path

from tests.support.verified_store import VerifiedStore, failing, statuses

LINKS = 2 * 16 * 4 + 4
"""Bytes of an element's links in HNSW's lowest level: twice max_neighbors, and their number."""
ELEMENT = LINKS + 768 * 4 + 8
"""With its vector and its label."""


def cut_all_links(store: VerifiedStore) -> None:
    """Every element of the index is there, but none leads to another."""
    (data,) = store.store.glob("*/data_level0.bin")
    content = bytearray(data.read_bytes())
    for start in range(0, len(content), ELEMENT):
        content[start : start + 2] = b"\0\0"
    data.write_bytes(content)


def test_an_index_without_links_is_found_and_built_anew(tmp_path: Path) -> None:
    """Every record can be read, so only what searches notices; the repair embeds nothing."""
    store = VerifiedStore(tmp_path)
    # So many that Chroma has written its index.
    store.make(documents=3, sections=350)
    code, report = store.verify(recall=30, checks=("collection",))
    assert (code, statuses(report)["recall"]) == (0, "PASS")
    cut_all_links(store)
    code, report = store.verify(recall=30, repair=True, yes=True)
    assert set(report["repair"]["found"]) == {"index", "recall"}
    assert report["repair"]["texts_to_embed"] == 0
    assert (code, failing(report)) == (0, set())
