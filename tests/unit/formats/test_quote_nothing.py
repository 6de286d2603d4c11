"""What is told of a damaged document quotes none of it: parsers' own words do."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office_files import Parts, changed_zip, docx_file, pdf_file
from waypoint.errors import DocumentRejectedError, RecordRejectedError
from waypoint.formats import ReaderOptions, default_registry, read_documents
from waypoint.models import SourceFile

SECRET = "quince-marmalade-4711"
MUTATIONS = 25
_VALUE = re.compile(rb'(?<==")[^"]*(?=")')

WHOLE: dict[str, bytes] = {
    "a.md": f"---\ntitle: {SECRET}\nsize: 3\n---\n# {SECRET}\n\n{SECRET} again\n".encode(),
    "a.html": f"<html><head><meta charset=utf-8><title>{SECRET}</title></head>"
    f"<body><table><tr><td colspan=2>{SECRET}</td></tr></table></body></html>".encode(),
    "a.csv": f'name,text\n"{SECRET}","{SECRET}"\n'.encode(),
    "a.json": json.dumps([{"id": 1, "text": SECRET}, {"id": 2, "text": SECRET}]).encode(),
    "a.jsonl": f'{{"text": "{SECRET}"}}\n{{"text": "{SECRET}", "n": 1}}\n'.encode(),
    "a.docx": changed_zip(
        docx_file(),
        lambda parts: parts.update(
            {name: part.replace(b"dome", SECRET.encode()) for name, part in parts.items()}
        ),
    ),
    "a.pdf": pdf_file([SECRET, f"{SECRET} again"], title=SECRET),
}

DAMAGED: dict[str, bytes] = {
    "yaml.md": f"---\n{SECRET}: !!python/object:{SECRET} x\nb: *{SECRET}\n---\nx".encode(),
    "toml.md": f"+++\n{SECRET} = {SECRET}\n+++\nx".encode(),
    "date.toml.md": f"+++\n'{SECRET}' = 2031-99-99 {SECRET}\n+++\nx".encode(),
    "doubled.md": f"---\n'{SECRET} {SECRET}': {{{SECRET}: 1, {SECRET}: 2}}\n---\nx".encode(),
    "tag.md": f"---\nwhen: !!timestamp {SECRET}\nn: !!int {SECRET}\n---\nx".encode(),
    "value.md": f"---\n{SECRET} {SECRET}: {SECRET * 300}\n---\nx".encode(),
    "anchor.md": f"---\na: &{SECRET} [*{SECRET}, *{SECRET}]\n---\nx".encode(),
    "date.md": f"---\ndate: 2031-99-99 {SECRET}\nfloat: .{SECRET}\n---\nx".encode(),
    "digits.json": b'{"text": "' + SECRET.encode() + b'", "n": ' + b"9" * 5000 + b"}",
    "key.json": f'{{"{SECRET}": {SECRET}}}'.encode(),
    "escape.json": f'{{"text": "{SECRET} \\q"}}'.encode(),
    "surrogate.json": f'{{"text": "{SECRET} \\ud800"}}'.encode(),
    "nothing.json": f'{{"{SECRET}": 4, "other": "{SECRET}"}}'.encode(),
    "quote.csv": f'a,b\n"{SECRET}" {SECRET},"\n'.encode(),
    "nul.csv": f"a,b\n{SECRET},\0{SECRET}\n".encode(),
    "field.csv": f"a,b\n{SECRET * 20_000},x\n".encode(),
    "bytes.txt": f"{SECRET}\n".encode() * 20 + b"\xff\xfe\x81\x8d" + SECRET.encode(),
    "charset.html": f'<meta charset="{SECRET}"><p>{SECRET}'.encode() + b"\x81\xff",
    "declared.html": b'<?xml encoding="utf-16"?><p>' + SECRET.encode() + b"\x81\xff",
    "deep.html": b"<div>" * 5000 + SECRET.encode(),
    "binary.html": b"%PDF-1.7 " + SECRET.encode() + b"\x00\x01",
    "marks.txt": SECRET.encode() + "\u0301".encode() * 5000,
    "zip.docx": b"PK\x03\x04" + SECRET.encode(),
    "ole.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + SECRET.encode(),
    "not.pdf": b"%PDF-1.7\n" + SECRET.encode(),
}


def with_part(name: str, content: bytes) -> bytes:
    return changed_zip(docx_file(), lambda parts: parts.update({name: content}))


def of_archives() -> Iterator[tuple[str, bytes]]:
    """Parts that are broken, missing, or named as no part is; each attribute's value in turn."""
    secret = SECRET.encode()
    yield "doctype.docx", with_part(f"word/{SECRET}.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>")
    yield "broken.docx", with_part(f"word/{SECRET}.xml", b"<a><b>" + secret + b"</a>")
    yield "empty.docx", with_part("word/document.xml", b"<" + secret + b"/>")
    yield "entity.docx", with_part("word/document.xml", b"<a>&" + secret + b";</a>")
    yield "prefix.docx", with_part("word/document.xml", b"<" + secret + b":a/>")
    for element in (b"gridSpan", b"vMerge", b"tcW"):
        span = b'<w:tcPr><w:%s w:val="%s"/>' % (element, secret)
        yield (
            f"{element.decode()}.docx",
            changed_zip(
                docx_file(),
                lambda parts, span=span: parts.update(  # type: ignore[misc]
                    {"word/document.xml": parts["word/document.xml"].replace(b"<w:tcPr>", span)}
                ),
            ),
        )
    for name in ("word/document.xml", "word/numbering.xml", "[Content_Types].xml", "_rels/.rels",
                 "word/_rels/document.xml.rels", "docProps/core.xml"):  # fmt: skip
        for number, changed in enumerate(each_value(name)):
            yield f"{number}{name.replace('/', '-')}.docx", changed


def each_value(name: str) -> Iterator[bytes]:
    """The archive once for each kind of attribute of a part, which has the secret for a value."""
    found: Parts = {}
    changed_zip(docx_file(), found.update)
    part, seen = found.get(name, b""), set()
    for match in _VALUE.finditer(part):
        attribute = part[: match.start()].rpartition(b" ")[2]
        if not attribute.startswith(b"xmlns") and attribute not in seen:
            seen.add(attribute)
            changed = part[: match.start()] + SECRET.encode() + part[match.end() :]
            yield changed_zip(docx_file(), lambda parts, c=changed: parts.update({name: c}))  # type: ignore[misc]


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Cut, or with a few bytes that were not there."""
    place = draw.randrange(1, len(data))
    match draw.randrange(3):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + draw.randbytes(draw.randrange(1, 9)) + data[place:]
        case _:
            return data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]


def told_of(name: str, data: bytes, folder: Path) -> list[str]:
    """Whatever may be written about the file: reasons, hints, warnings."""
    path = folder / name
    path.write_bytes(data)
    file = SourceFile(name, path, size=len(data), version="0 0 0")
    try:
        parts = read_documents(
            file, registry=default_registry(ReaderOptions()), max_file_size=10**8
        )
    except DocumentRejectedError as error:
        return [error.message, error.hint]
    told = []
    for part in parts:
        if isinstance(part, RecordRejectedError):
            told += [part.message, part.hint]
        else:
            told += part.warnings
    return told


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_not_quoted(name: str, tmp_path: Path) -> None:
    """The reason is ours, with the place: something is told of each, and nothing of its text."""
    told = told_of(name, DAMAGED[name], tmp_path)
    assert told or name.startswith(("tag", "date", "key", "nothing"))
    assert not [each for each in told if SECRET in each or SECRET[:8] in each]


def test_no_part_of_an_archive_is_quoted(tmp_path: Path) -> None:
    """Neither its name nor what any of its attributes says, where a number was expected."""
    rejected = set()
    for name, data in of_archives():
        told = told_of(name, data, tmp_path)
        rejected |= {name} if told else set()
        assert not [each for each in told if SECRET in each], (name, told)
    assert rejected >= {"doctype.docx", "entity.docx", "prefix.docx"}


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_quoted_wherever_the_damage_is(name: str, tmp_path: Path) -> None:
    """Bytes lost, added and changed anywhere; the same ones in each run."""
    draw = random.Random(name)
    for _ in range(MUTATIONS):
        told = told_of(name, mutated(WHOLE[name], draw), tmp_path)
        assert not [each for each in told if SECRET in each], told
