"""Any bytes, read as any format: a document that is sound, or a reject, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.office_files import (
    book,
    cells,
    changed_zip,
    chapter,
    docx_file,
    pdf_file,
    sheet_file,
    slide_file,
)
from tests.support.open_files import document, p
from tests.support.pdf_files import IMAGE, annotation, drawn_pdf, field, placed, turned
from tests.support.reading import assert_sound, read_all
from waypoint.errors import DocumentRejectedError

MARKDOWN = (
    "---\ntitle: Ä\nuse_cases: [a, b]\n---\n# One\n\n| a | b |\n|---|---|\n| 1 | é |\n\n"
    "```py\nx = 1\n```\n\n> quote\n\n- item\n\n      code\n\nTwo\n---\n"
)
TOML = MARKDOWN.replace("---\ntitle: Ä\nuse_cases: [a, b]\n---", "+++\ntitle = 'Ä'\nn = 1.10\n+++")
FORM = drawn_pdf(
    placed((60, 700, "Rope 12"), (150, 700, "5"), (60, 680, "x2")),
    IMAGE,
    turned(90, placed((50, 50, "up"))),
    unicode={"x": "\0"},
    xfa="static",
    fields=[
        field("Tx", (60, 600, 200, 620), value="MS Ostara"),
        field("Btn", (1, 2, 9, 9), value="Yes"),
    ],
    annotations=[annotation("FreeText", (60, 500, 200, 520), contents="typed")],
    files={"a.pdf": pdf_file(["inside"])},
)
SAMPLES = {
    "a.md": MARKDOWN.encode(),
    "a.markdown": TOML.encode(),
    "a.txt": "Grüße, 世界 😀\n".encode() * 3,
    "a.py": b"# -*- coding: koi8-r -*-\nx = '\xf7'\n",
    "a.html": b"<html><head><title>T</title><meta charset=utf-8></head><body><main><h1>H</h1>"
    b"<table><tr><td>a<td>b</table><pre>x</pre><ul><li>y</ul>"
    b"<math><msup><mi>a</mi><mn>2</mn></msup></math><p>1<sup>2</sup><svg><text>z</text></svg>"
    b"<table><tr><td rowspan=2 class=lineno>1<td><pre>c</pre><tr><td><h2>k</h2></table>"
    b"<ol type=i><li>v</ol><select><option selected>o</select>"
    b"<ruby>r<rt>s</ruby></main></body></html>",
    "a.pdf": pdf_file(["One page", "", "Another\none"], title="T"),
    "form.pdf": FORM,
    "a.docx": docx_file(),
    "a.rtf": rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset204 A;}}{\stylesheet{\s1 heading 1;}}"
    rb"{\info{\title T}}\s1 H\par\pard {\listtext 1.\tab}a\u8364?\'e9{\super 2}{\*\footnote n}\par"
    rb"\trowd\intbl a\cell b\cell\row\pard\f0 \'e9\par}",
    "a.odt": document(
        "text",
        f'<text:h text:outline-level="1">H</text:h><text:list text:style-name="L"><text:list-item>'
        f"{p('a')}</text:list-item></text:list><table:table><table:table-row><table:table-cell>"
        f"{p('b')}</table:table-cell><table:table-cell/></table:table-row></table:table>",
    ),
    "a.ods": document(
        "spreadsheet",
        '<table:table table:name="S"><table:table-row table:number-rows-repeated="2">'
        f'<table:table-cell office:value-type="float">{p("1")}</table:table-cell>'
        "</table:table-row></table:table>",
    ),
    "a.odp": document(
        "presentation",
        f"<draw:page><draw:frame><draw:text-box>{p('a')}</draw:text-box></draw:frame></draw:page>",
    ),
    "a.epub": book(chapter("<h1>H</h1><p>a<sup>2</sup></p>"), chapter("<p>b</p>")),
    "a.eml": b"Subject: =?utf-8?q?=C3=A9?=\r\nFrom: a@b.example\r\nDate: Sat, 9 Mar 2024 13:30:00"
    b" +0100\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>b</p>\r\n--b--\r\n",
    "a.ipynb": b'{"cells": [{"cell_type": "markdown", "source": ["# H\\n"]}, {"cell_type": "code",'
    b' "source": "x", "outputs": [{"data": {"text/plain": "1", "image/png": ""}}]}]}',
    "a.vtt": b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n<v Ada>One &amp; two</v>\n",
    "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:02,000 --> 00:00:09,000\nTwo\n",
    "a.pptx": slide_file(
        "<p:sp><p:nvSpPr><p:nvPr><p:ph type='title'/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r>"
        "<a:t>T</a:t></a:r></a:p></p:txBody></p:sp><p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:r>"
        "<a:t>c</a:t></a:r></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>",
        "<p:sp><p:txBody><a:p><a:pPr><a:buAutoNum type='romanLcPeriod'/></a:pPr></a:p></p:txBody>"
        "</p:sp>",
    ),
    "a.xlsx": sheet_file({"S": cells(["name", "kg"], ["a", 3.0]), "T": cells(["x"])}),
    "a.csv": b'name;kg\n"a ""b""";3\nc;4\n',
    "a.tsv": b"name\tkg\na\t3\n",
    "a.json": b'[{"id": 1, "text": "one", "n": [1, {"a": "\xc3\xa9"}]}, "two", null]',
    "a.jsonl": b'{"id": 1, "text": "one"}\n{"body": "two", "lang": "de"}\n',
}
ARCHIVES = {name for name, data in SAMPLES.items() if data.startswith(b"PK")}
DAMAGE = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"\r", b"\n", b'"', b"<", b">", b"&#xD800;"),
    *(b"<!DOCTYPE x [", b"[" * 300, b"{" * 300, b"\xcc\x96" * 200, b"%PDF-1.7", b"PK\x03\x04"),
    *(b"<table>", b"| - |", b"---\n", b"\xe2\x80\xa8", b"\x1b$B", b"/Kids[2 0 R]", b"\\ud800"),
)


def check(name: str, data: bytes) -> None:
    try:
        documents = read_all(name, data)
    except DocumentRejectedError:
        return
    assert documents
    for each in documents:
        assert_sound(each)


@settings(max_examples=150)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    data=st.binary(max_size=400)
    | st.text(max_size=200).map(str.encode)
    | st.lists(st.sampled_from(DAMAGE) | st.binary(max_size=4), max_size=20).map(b"".join),
)
def test_reading_any_bytes_as_any_format_is_sound(name: str, data: bytes) -> None:
    """Whatever a file of that name may hold."""
    check(name, data)


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(SAMPLES)), other=st.sampled_from(sorted(SAMPLES)))
def test_a_file_under_another_format_s_name_is_sound(name: str, other: str) -> None:
    """A Word file called a table."""
    check(name, SAMPLES[other])


def mutations(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Samples with pieces changed, put in, taken out, doubled or cut off; parts of archives too."""
    draw = random.Random(seed)
    names = sorted(SAMPLES)
    for _ in range(count):
        name = draw.choice(names)
        data = SAMPLES[name]
        if name in ARCHIVES and draw.random() < 0.8:

            def change(parts: dict[str, bytes]) -> None:
                part = draw.choice([each for each in sorted(parts) if each.endswith(".xml")])
                parts[part] = mutated(draw, parts[part])

            data = changed_zip(data, change)
        else:
            data = mutated(draw, data)
        yield name, data


def mutated(draw: random.Random, data: bytes) -> bytes:
    for _ in range(draw.randint(1, 4)):
        start = draw.randint(0, len(data))
        end = min(len(data), start + draw.choice((0, 1, 4, 50)))
        piece = draw.choice(
            (b"", draw.choice(DAMAGE), draw.randbytes(draw.randint(1, 5)), data[start:end] * 2)
        )
        data = data[:start] + piece + (b"" if draw.random() < 0.05 else data[end:])
    return data


def test_mutated_files_are_sound() -> None:
    """A hundred and fifty of them, the same ones each time."""
    for name, data in mutations(seed=1, count=150):
        check(name, data)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_very_many_mutated_files_are_sound() -> None:
    """Others each time; a failure names what makes it again."""
    seed = random.SystemRandom().randrange(2**32)
    for number, (name, data) in enumerate(mutations(seed, count=10_000)):
        try:
            check(name, data)
        # A panic of a parser in Rust is no Exception.
        except BaseException as error:
            raise AssertionError(f"mutation {number} of seed {seed}, of {name}") from error
