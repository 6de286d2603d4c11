"""From a file to a document."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.errors import DocumentRejectedError, RecordRejectedError
from waypoint.formats import default_registry, read_document, read_documents
from waypoint.formats.read_file import TITLE_CHARACTERS, make_doc_id
from waypoint.formats.registry import Format, ParsedDocument, ReaderRegistry, RejectedRecord
from waypoint.models import Document, SourceFile
from waypoint.sources.snapshot import is_edited, take_snapshot, version_of

REGISTRY = default_registry()


def found(root: Path, name: str) -> SourceFile:
    """A file as a walk long ago would have told it."""
    return SourceFile(name, root / name, size=1, version="1 1 1")


def read(root: Path, name: str, data: bytes) -> Document:
    (root / name).write_bytes(data)
    return read_document(found(root, name), registry=REGISTRY, max_file_size=10_000)


def rejection(root: Path, name: str) -> DocumentRejectedError:
    with pytest.raises(DocumentRejectedError) as caught:
        read_document(found(root, name), registry=REGISTRY, max_file_size=1000)
    assert caught.value.source == name
    return caught.value


def test_a_document_carries_what_the_file_says(tmp_path: Path) -> None:
    """Text without front matter, headings, digest, and the status as it was at the reading."""
    data = b"---\ntitle: Given\njurisdiction: SG\n---\r\n\r\n# Head\r\n\r\nText.\r\n"
    document = read(tmp_path, "guide.md", data)
    status = (tmp_path / "guide.md").stat()
    assert document.text == "# Head\n\nText.\n"
    assert [heading.title for heading in document.headings] == ["Head"]
    assert document.title == "Given"
    assert document.metadata == {"format": "markdown", "jurisdiction": "SG"}
    assert document.digest == hashlib.sha256(data).hexdigest()
    assert document.file.size == len(data)
    assert document.file.version == f"{version_of(status)} racy"


@pytest.mark.parametrize(("seconds", "racy"), [(-5, True), (0, True), (1.9, True), (2, False)])
def test_what_was_read_too_soon_is_of_no_version_that_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, racy: bool
) -> None:
    """An edit within the clock's grain may have come after our reading."""
    (tmp_path / "a.md").write_bytes(b"text")
    status = (tmp_path / "a.md").stat()
    read_at_ns = status.st_mtime_ns + int(seconds * 1e9)
    monkeypatch.setattr("waypoint.sources.snapshot.time.time_ns", lambda: read_at_ns)
    snapshot = take_snapshot(found(tmp_path, "a.md"), max_file_size=1000)
    assert (snapshot.file.version != version_of(status)) is racy
    assert not is_edited(version_of(status), snapshot.file.version)


def test_an_edit_is_told_by_size_and_time_of_modification() -> None:
    """Not by the time of a change of mode or place; nothing is told by no version."""
    assert is_edited("4 10 10", "5 10 10")
    assert is_edited("4 10 10", "4 9 10 racy")
    assert not is_edited("4 10 10", "4 10 9")
    assert not is_edited("4 10 10", "")


def test_the_title_is_the_first_h1_or_else_the_name(tmp_path: Path) -> None:
    """Where the front matter does not say."""
    assert read(tmp_path, "a.md", b"## Two\n\n# *One*\n\n# More").title == "One"
    assert read(tmp_path, "some.notes.md", b"## Two").title == "some.notes"
    assert read(tmp_path, "plain.txt", b"# no Markdown").title == "plain"


def test_a_title_is_no_longer_than_it_can_be_shown(tmp_path: Path) -> None:
    """Each chunk has it: pasted output above ``====`` is one heading, however long it is."""
    pasted = "\n".join(f"line {number} of some output" for number in range(300))
    title = read(tmp_path, "pasted.md", f"{pasted}\n=====\n\nText.\n".encode()).title
    assert title.startswith("line 0 of some output")
    assert (len(title), title[-1]) == (TITLE_CHARACTERS, "…")


def test_plain_text_has_neither_front_matter_nor_headings(tmp_path: Path) -> None:
    """All of it is body."""
    document = read(tmp_path, "a.txt", b"---\ntitle: x\n---\n# y\n")
    assert document.text == "---\ntitle: x\n---\n# y\n"
    assert document.headings == ()
    assert document.metadata == {"format": "text"}
    assert document.format == "text"


@pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"---\na: 1\n---\n \n"])
def test_a_file_without_text_is_an_empty_document_with_a_warning(
    tmp_path: Path, data: bytes
) -> None:
    """It is not an error: it has no chunks."""
    document = read(tmp_path, "a.md", data)
    assert document.text == ""
    assert document.warnings == ("no text in it",)


def test_files_that_cannot_be_read_are_rejected(tmp_path: Path) -> None:
    """Gone, grown, replaced by a link, a folder or a FIFO since the walk."""
    (tmp_path / "large.md").write_bytes(b"x" * 1001)
    (tmp_path / "link.md").symlink_to(tmp_path / "large.md")
    (tmp_path / "folder.md").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    assert "vanished" in rejection(tmp_path, "gone.md").reason
    assert "vanished" in rejection(tmp_path, "large.md/below.md").reason
    assert "larger than allowed" in rejection(tmp_path, "large.md").reason
    assert "--max-file-size" in rejection(tmp_path, "large.md").hint
    assert "symbolic link" in rejection(tmp_path, "link.md").reason
    assert "regular file" in rejection(tmp_path, "folder.md").reason
    assert "regular file" in rejection(tmp_path, "pipe.md").reason
    (tmp_path / "a.xyz").write_text("text")
    assert "no reader" in rejection(tmp_path, "a.xyz").reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_rejected_with_a_hint(tmp_path: Path) -> None:
    """The hint says what to do."""
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "a.md").chmod(0)
    assert rejection(tmp_path, "a.md").reason == "permission denied"
    assert rejection(tmp_path, "a.md").hint


def reader_with(disturb: Callable[[], None], times: int) -> Callable[[int, int], bytes]:
    """``os.read``, after whose first ``times`` calls something happens to the file."""
    left = times

    def read_and_disturb(descriptor: int, count: int) -> bytes:
        nonlocal left
        data = os.read(descriptor, count)
        if left:
            left -= 1
            disturb()
        return data

    return read_and_disturb


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"+")


def truncate(path: Path) -> None:
    os.truncate(path, 1)


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(b"replaced")
    other.replace(path)


@pytest.mark.parametrize(
    ("change", "result"), [(append, b"text+"), (truncate, b"t"), (replace, b"replaced")]
)
def test_a_file_that_changes_while_it_is_read_is_read_once_more(
    tmp_path: Path, change: Callable[[Path], None], result: bytes
) -> None:
    """The second reading counts, with its status."""
    path = tmp_path / "a.md"
    path.write_bytes(b"text")
    snapshot = take_snapshot(
        found(tmp_path, "a.md"),
        max_file_size=1000,
        read=reader_with(lambda: change(path), times=1),
    )
    assert snapshot.data == result
    assert snapshot.file.version.startswith(version_of(path.stat()))


def test_a_file_that_keeps_changing_is_rejected(tmp_path: Path) -> None:
    """Two readings, then no more; and never more bytes than allowed."""
    path = tmp_path / "a.md"
    path.write_bytes(b"text")
    with pytest.raises(DocumentRejectedError, match="changed while it was read"):
        take_snapshot(
            found(tmp_path, "a.md"),
            max_file_size=1000,
            read=reader_with(lambda: append(path), times=100),
        )


class BrokenReader:
    """A parser that stumbles."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        raise ZeroDivisionError(source)


def test_a_parser_that_fails_costs_one_document(tmp_path: Path) -> None:
    """Its error is the reject's reason and cause."""
    registry = ReaderRegistry([Format("broken", (".bad",), f"{__name__}:BrokenReader")])
    (tmp_path / "a.bad").write_text("text")
    with pytest.raises(DocumentRejectedError, match="ZeroDivisionError") as caught:
        read_document(found(tmp_path, "a.bad"), registry=registry, max_file_size=1000)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class LinesReader:
    """Each line is a record: its name, and its text, or "!" and why it has none."""

    def read(self, source: str, data: bytes) -> list[ParsedDocument | RejectedRecord]:
        pairs = [line.split("=") for line in data.decode().splitlines()]
        return [
            RejectedRecord(name, text[1:], "hint", identified=False)
            if text.startswith("!")
            else ParsedDocument(text, record=name, digest=text)
            for name, text in pairs
        ]


def read_records(root: Path, text: str) -> list[Document | RecordRejectedError]:
    formats = [
        Format("lines", (".ls",), f"{__name__}:LinesReader"),
        Format("text", (".txt",), "waypoint.formats.plain.plaintext:PlainTextReader"),
    ]
    (root / "a.ls").write_text(text)
    registry = ReaderRegistry(formats)
    return read_documents(found(root, "a.ls"), registry=registry, max_file_size=1000)


def test_a_file_of_records_is_a_document_for_each(tmp_path: Path) -> None:
    """Each with a source, an id and a digest of its own, and the file's status."""
    first, second = read_records(tmp_path, "x=one\ny=two\n")
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.source, second.source) == ("a.ls#x", "a.ls#y")
    assert (first.text, second.text) == ("one", "two")
    assert (first.digest, second.digest) == ("one", "two")
    assert first.doc_id.startswith("a-x-")
    assert second.title == "a#y"
    assert first.file == second.file == dataclasses.replace(first.file, size=12)


def test_no_record_has_the_source_of_a_file(tmp_path: Path) -> None:
    """``a.ls#b.txt`` can be a file of the same folder."""
    (document,) = read_records(tmp_path, "b.txt=one")
    assert document.source == "a.ls#b.txt#"


def test_a_record_that_is_none_stands_as_its_error(tmp_path: Path) -> None:
    """In its place, under the source that it would have as a document."""
    first, error, last = read_records(tmp_path, "x=one\nb.txt=!why\nz=three")
    assert isinstance(error, RecordRejectedError)
    assert (first.source, error.source, last.source) == ("a.ls#x", "a.ls#b.txt#", "a.ls#z")
    assert (error.reason, error.hint, error.identified) == ("why", "hint", False)


@pytest.mark.parametrize(
    "text",
    ["x=1\nx=2", "=1\n=2", "b.txt=1\nb.txt#=2", "", "x=1\nx=!why", "x=!why"],
)
def test_records_without_names_of_their_own_are_a_reject(tmp_path: Path, text: str) -> None:
    """Two documents of one source would overwrite each other."""
    with pytest.raises(DocumentRejectedError, match="its reader gave"):
        read_records(tmp_path, text)


def test_reading_one_document_refuses_a_file_of_several(tmp_path: Path) -> None:
    """It never takes the first for the whole."""
    registry = ReaderRegistry([Format("lines", (".ls",), f"{__name__}:LinesReader")])
    (tmp_path / "a.ls").write_text("x=1\ny=2")
    with pytest.raises(DocumentRejectedError, match="2 documents"):
        read_document(found(tmp_path, "a.ls"), registry=registry, max_file_size=1000)


PIECES = (b"---\n", b"a: ", b"&a ", b"*a", b"\r\n", b"# ", b"```", b"\x00", b"\xff\xfe", b"\xe9")


@given(
    data=st.binary() | st.lists(st.sampled_from(PIECES) | st.binary(max_size=3)).map(b"".join),
    suffix=st.sampled_from([".md", ".txt"]),
)
def test_reading_any_bytes_gives_a_document_or_a_reject(data: bytes, suffix: str) -> None:
    """And the text of a document can always be encoded, hashed and sent."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            document = read(Path(folder), f"a{suffix}", data)
        except DocumentRejectedError:
            return
    document.text.encode()
    assert "\r" not in document.text


@pytest.mark.parametrize(
    ("source", "doc_id"),
    [
        (
            "02_carriers/ocean/maersk_service_summary.md",
            "02_carriers-ocean-maersk_service_summary",
        ),
        ("a/b.md", "a-b"),
        ("a/b.txt", "a-b-5550000d"),
    ],
)
def test_a_doc_id_is_the_path_where_that_suffices(source: str, doc_id: str) -> None:
    """The examples of the documentation."""
    assert make_doc_id(source) == doc_id


NAMES = st.text("abAB-_ .é日/", min_size=1, max_size=80).filter(
    lambda name: all(part.strip(".") for part in name.split("/"))
)


@given(st.sets(NAMES.map(lambda name: f"{name}.md") | NAMES, min_size=2))
def test_doc_ids_are_safe_short_and_distinct(sources: set[str]) -> None:
    """Also where sources differ in case, separators, accents or suffix only."""
    doc_ids = {make_doc_id(source) for source in sources}
    assert len(doc_ids) == len(sources)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,64}", doc_id) for doc_id in doc_ids)


def test_source_code_is_read_whole_in_the_encoding_it_declares(tmp_path: Path) -> None:
    """As Python has it: in one of the first two lines."""
    data = b"#!/usr/bin/python\n# -*- coding: koi8-r -*-\ns = '\xf7'\r\n# not a heading\n"
    document = read(tmp_path, "a.py", data)
    assert document.text.endswith("s = '\u0412'\n# not a heading\n")
    assert document.format == document.metadata["format"] == "code"
    assert (document.encoding, document.headings) == ("koi8-r", ())
    assert read(tmp_path, "b.toml", b"a = 1").format == "code"
