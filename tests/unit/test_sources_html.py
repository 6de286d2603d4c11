"""Web pages."""

from __future__ import annotations

import pytest

from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.errors import DocumentRejectedError
from waypoint.formats.html import HtmlReader

PAGE = """<!doctype html><html lang="de"><head><title>Dome &amp; shutter</title>
<meta name="author" content="Ada Quill"><meta name="description" content="How it turns">
<link rel="canonical" href="https://quillmoor.example/dome">
<style>p {color: red}</style><script>var hidden = "<p>script</p>";</script></head><body>
<header><h1>Quillmoor</h1></header><nav><ul><li><a href="/">Home</a></li></ul></nav>
<main><article><header><h1>The dome</h1></header>
<p>It <b>turns</b> slowly,&nbsp;see the <a href="https://example.org/very/long">manual</a>.</p>
<h2>Weights</h2><table><tr><th>part</th><th>kg</th></tr><tr><td>shutter</td><td>80</td></tr>
</table><pre><code class="language-sh">close --now
wait</code></pre><ul><li>one<ul><li>two</li></ul></li></ul>
<p style="display:none">invisible</p><p># no heading</p></article></main>
<aside>Advertisement</aside><footer>Imprint</footer></body></html>"""


def test_the_main_content_is_kept_with_its_structure() -> None:
    """Headings, tables, code and lists; without navigation, scripts and what is hidden."""
    document = read_one("a.html", PAGE.encode())
    assert [(each.level, each.title) for each in document.headings] == [
        (1, "The dome"),
        (2, "Weights"),
    ]
    table, code = document.blocks
    assert document.text[table.start : table.end] == (
        "| part | kg |\n| --- | --- |\n| shutter | 80 |"
    )
    assert document.text[code.start : code.end] == "```sh\nclose --now\nwait\n```"
    assert "- one\n  " in document.text
    assert "It turns slowly, see the manual." in document.text
    for gone in ("Quillmoor", "Home", "hidden", "invisible", "Advert", "Imprint", "example.org"):
        assert gone not in document.text
    assert_sound(document)


def test_the_head_gives_title_and_metadata() -> None:
    """The language is stored under its own name."""
    document = read_one("a.html", PAGE.encode())
    assert document.title == "Dome & shutter"
    assert document.metadata == {
        "author": "Ada Quill",
        "description": "How it turns",
        "language": "de",
        "source_url": "https://quillmoor.example/dome",
    }


@pytest.mark.parametrize(
    "declaration",
    [
        '<meta charset="koi8-r">',
        "<META http-equiv=Content-Type content='text/html; charset=KOI8-R'>",
        '<?xml version="1.0" encoding="koi8-r"?>',
    ],
)
def test_a_declared_charset_is_believed(declaration: str) -> None:
    """Three letters are too few to detect it."""
    document = read_one("a.htm", f"{declaration}<p>\u0434\u043e\u043c</p>".encode("koi8-r"))
    assert (document.text, document.encoding) == ("\u0434\u043e\u043c", "koi8-r")


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"<script>x</script>", b"<!-- x -->"])
def test_a_page_without_text_is_empty(data: bytes) -> None:
    """Which is told when it is read from a file."""
    assert read_one("a.html", data).text == ""


def test_what_is_hardly_html_is_read_as_text() -> None:
    """Browsers do so too."""
    assert read_one("a.html", b"just text").text == "just text"
    assert read_one("a.html", b"<p>one<p>two</b></i> & three").text == "one\n\ntwo & three"


@pytest.mark.parametrize("tag", ["div", "b", "ul", "blockquote", "span"])
def test_elements_nested_too_deeply_are_a_reject(tag: str) -> None:
    """Their content would be passed over without a word."""
    page = f"<{tag}>" * 100_000 + "deep"
    assert "depth" in reject_of("a.html", page.encode()).reason


@pytest.mark.parametrize(
    "page",
    [
        "<b><i>" * 20_000 + "x",
        "<table>" + "<tr><td colspan=1000000 rowspan=1000000>x" * 100,
        "<a " + "x=1 " * 200_000 + ">x</a>",
        "<" * 500_000,
        "<!--" * 200_000,
        "&" * 500_000,
        "<meta" * 100_000,
        "<table>" * 50_000 + "x",
    ],
)
def test_hostile_markup_ends(page: str) -> None:
    """In seconds, with a text or a reject."""
    try:
        document = read_one("a.html", page.encode())
    except DocumentRejectedError:
        return
    assert len(document.text) < 2 * len(page)


def test_what_begins_as_another_format_is_a_reject() -> None:
    """Its text could be read, but the converter won't."""
    with pytest.raises(DocumentRejectedError, match="not HTML"):
        HtmlReader().read("a.html", b"PK\x03\x04html><body><main><h1>H</h1></main></body></html>")
