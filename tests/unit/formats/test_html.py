"""Web pages."""

from __future__ import annotations

import pytest

from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.errors import DocumentRejectedError
from waypoint.formats.markup.html import HtmlReader

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
        (1, "Quillmoor"),
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
    assert "Advertisement\n\nImprint" in document.text
    for gone in ("Home", "hidden", "invisible", "example.org"):
        assert gone not in document.text
    assert_sound(document)


SEEN = {
    "a header of the page": (
        "<header><h1>Ice</h1><p>Shut.</p></header><p>More.",
        "# Ice\n\nShut.\n\nMore.",
    ),
    "an aside": ("<main><p>One.<aside><p>Mind it.</aside></main>", "One.\n\nMind it."),
    "a menu of dishes": ("<ul class=menu><li>Soup 4.50<li>Fish 12</ul>", "- Soup 4.50\n- Fish 12"),
    "a banner": ("<div class=banner id=nav-top>Closed on Monday.</div>x", "Closed on Monday.\n\nx"),
    "a menu of links": ("<div class=menu><a href=a>Home</a> <a href=b>News</a></div><p>x", "x"),
    "navigation alone": ("<nav><a href=a>Home</a></nav>", "Home"),
    "powers": (
        "E = mc<sup>2</sup>, 10<sup>-6</sup>, 10<b><sup>6</sup></b>2",
        "E = mc^2, 10^-6, 10^{6}2",
    ),
    "indices": (
        "H<sub>2</sub>O, x<sub>i</sub>, 10<sub>2</sub>",
        "H2O, x_i, 10_2",
    ),
    "a note's mark": ("5<sup><a href='#n'>1</a></sup> 1<sup>st</sup>", "5[1] 1st"),
    "permalinks": (
        "<h2>A<a class=headerlink href='#a'>\u00b6</a></h2><h2>B<a href='#b'>\u200b</a></h2>"
        "<h2>C<a class=anchor href='#c'>Link to this heading</a></h2><h2><a href='#d'>D</a></h2>",
        "## A\n\n## B\n\n## C\n\n## D",
    ),
    "numbers beside code": (
        "<table class=highlighttable><tr><td class=linenos><pre>1\n2</pre>"
        "<td class=code><pre>a:\n  b</pre></table>",
        "```\na:\n  b\n```",
    ),
    "a number for each line of code": (
        "<table><tr><td class=blob-num>1<td class=blob-code><code>a &lt; b</code>"
        "<tr><td class=blob-num>2<td class=blob-code><code>  c</code></table>",
        "```\na < b\n  c\n```",
    ),
    "numbers within code": (
        "<pre><span class=lineno>1 </span>a\n<span class=lineno>2 </span>b</pre>",
        "```\na\nb\n```",
    ),
    "numbers that count": (
        "<table><tr><td>1\n2\n3<td><pre>a\nb\nc</pre></table>",
        "```\na\nb\nc\n```",
    ),
    "cells that span": (
        "<table><tr><th rowspan=2>Berth<th colspan=2>Depth<tr><th>low<th>high"
        "<tr><td rowspan=2>North<td>6<td>8<tr><td>5<br>4<td>7</table>",
        "| Berth | Depth | Depth |\n| --- | --- | --- |\n| Berth | low | high |\n"
        "| North | 6 | 8 |\n| North | 5 4 | 7 |",
    ),
    "a table that lays out": (
        "<table><tr><td><h2>L</h2>one<td><table><tr><th>a<tr><td>1</table></table>",
        "## L\n\none\n\n| a |\n| --- |\n| 1 |",
    ),
    "letters of a list": ("<ol type=a><li>x<li>y</ol>", "- a. x\n- b. y"),
    "numbers of a list": ("<ol start=3><li>x<li value=7>y<li>z</ol>", "- 3. x\n- 7. y\n- 8. z"),
    "a list from its end": ("<ol reversed type=I><li>x<li>y</ol>", "- II. x\n- I. y"),
    "a form": (
        "Name <input value=Anna><input type=checkbox checked>yes<input type=radio>no"
        "<select><option>A<option selected>B</select><input type=hidden value=q>",
        "Name Anna [x] yes [ ] no [ ] A, [x] B",
    ),
    "a picture": (
        "<figure><img alt='Red to A'><figcaption>Wiring</figcaption></figure>",
        "Red to A\n\n*Wiring*",
    ),
    "words in a drawing": (
        "<svg><text>Pump</text><path d=x></path><text>Tank</text></svg>",
        "Pump Tank",
    ),
    "readings": (
        "<ruby>\u6f22<rp>(</rp><rt>kan<rp>)</rp>\u5b57<rt>ji</ruby>",
        "\u6f22(kan)\u5b57(ji)",
    ),
    "an equation": (
        "<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt></mfrac></math>",
        "x=\\frac{1}{\\sqrt{a+b}}",
    ),
    "TeX beside an equation": (
        "<math><semantics><mi>y</mi>"
        "<annotation encoding='application/x-tex'>\\hat y</annotation></math>",
        "\\hat y",
    ),
    "what unfolds": (
        "<details><summary>Why?</summary>So.</details><button aria-controls=t>Tab</button>"
        "<div id=t hidden>Panel</div><div hidden>gone</div>",
        "**Why?**\n\nSo.\n\nTab\n\nPanel",
    ),
    "soft hyphens": ("coo&shy;kie", "cookie"),
    "a shadow tree": (
        "<div><template shadowrootmode=open>Seen</template></div><template>not</template>",
        "Seen",
    ),
}


@pytest.mark.parametrize("kind", SEEN)
def test_what_a_reader_sees_is_in_the_text(kind: str) -> None:
    """And nothing becomes another number or word; navigation is told by its links."""
    page, text = SEEN[kind]
    document = read_one("a.html", f"<!doctype html><body>{page}".encode())
    assert (document.text, document.warnings) == (text, ())
    assert_sound(document)


@pytest.mark.parametrize(
    "start",
    ['<?xml version="1.0"?><html>', '<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'],
)
def test_xhtml_closes_elements_at_once(start: str) -> None:
    """As HTML, what follows would be part of the title, the script or the link."""
    page = f'{start}<head><title/><script src="a"/></head><body><a id="b"/><p>x<br/>y</p><p>z</p>'
    assert read_one("a.xhtml", page.encode()).text == "x  \ny\n\nz"


def test_what_cannot_be_read_is_told() -> None:
    """Each kind once, with how many there are; what is no bigger than a dot is none."""
    page = (
        "<p>x<img src=a><img src=b><img src=c alt=''><img src=d width=1><iframe src=e></iframe>"
        "<iframe src=f height=0></iframe><video></video><canvas></canvas><embed src=g>"
    )
    assert read_one("a.html", page.encode()).warnings == (
        "images without alternative text: 2",
        "embedded pages not read: 1",
        "videos and sounds not read: 1",
        "embedded objects not read: 1",
        "drawings made by a script not read: 1",
    )


def test_a_page_that_a_script_makes_is_a_reject() -> None:
    """Its file has no text, whatever a browser shows."""
    page = b"<body><noscript>Enable it.</noscript><div id=root></div><script src=a></script>"
    assert "made by a script" in reject_of("a.html", page).reason


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
        "<header><a href=x>a</a><a href=y>b</a></header>" * 5_000,
        "<table><tr><td><h1>a" * 200,
        "<p>" + "x<sup>2</sup>" * 5_000,
        "<math>" + "<mrow>" * 3_000 + "<mi>x",
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
