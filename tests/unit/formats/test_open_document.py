# ruff: noqa: E501 - an element of XML a line
"""OpenDocument: texts, sheets and presentations."""

from __future__ import annotations

import pytest

from tests.support.office_files import Parts, changed_zip
from tests.support.open_files import NAMES, OUTLINE, document, p
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats import composing
from waypoint.formats.registry import ParsedDocument
from waypoint.models import Place


def read(
    name: str, kind: str, body: str, *, styles: str = "", more: Parts | None = None
) -> ParsedDocument:
    parsed = read_one(name, document(kind, body, styles=styles, more=more))
    assert_sound(parsed)
    return parsed


def span(style: str, text: str) -> str:
    return f'<text:span text:style-name="{style}">{text}</text:span>'


def items(*texts: str) -> str:
    return "".join(
        f"<text:list-item>{each if each.startswith('<') else p(each)}</text:list-item>"
        for each in texts
    )


FRAME = "<draw:frame>{}</draw:frame>"
MATH = "<math:math><math:msup><math:mi>c</math:mi><math:mn>2</math:mn></math:msup></math:math>"
WITHIN = f"<text:list>{items('x', 'y')}</text:list>"
SHOWN = {
    "a power": (p("10" + span("up", "6") + " m"), "10^6 m"),
    "a power by an inherited style": (p("10" + span("up2", "-6")), "10^-6"),
    "a formula": (p("H" + span("down", "2") + "O"), "H2O"),
    "spaces, tabs, breaks": (p('a<text:s text:c="2"/>b<text:tab/>c<text:line-break/>d'), "a  b\tc\nd"),
    "ruby": (p("<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とう</text:ruby-text></text:ruby>港"), "東京(とう)港"),
    "a field": (p("see page <text:bookmark-ref>12</text:bookmark-ref>"), "see page 12"),
    "a box": (p("a" + FRAME.format(f"<draw:text-box>{p('in it')}</draw:text-box>")), "a\n\nin it"),
    "a shape": (p(f"a<draw:custom-shape>{p('on it')}</draw:custom-shape>"), "a\n\non it"),
    "an equation": (p("E=m" + FRAME.format(f"<draw:object>{MATH}</draw:object>")), "E=mc^2"),
    "a deletion": (f"<text:tracked-changes><text:changed-region>{p('gone')}</text:changed-region></text:tracked-changes>" + p("kept"), "kept"),
    "contents": (f"<text:table-of-content>{p('Scope 3')}</text:table-of-content>" + p("kept"), "kept"),
    "a section": (f"<text:section>{p('in it')}</text:section>", "in it"),
    "lists": (
        f'<text:list text:style-name="L">{items("a", p("b") + WITHIN, "c")}</text:list>',
        "1. a\n2. b\n  (a) x\n  (b) y\n3. c",
    ),
    "a list that goes on": (
        f'<text:list text:style-name="L">{items("a", "b")}</text:list>' + p("between")
        + f'<text:list text:style-name="L" text:continue-numbering="true">{items("c")}</text:list>'
        + p("anew") + f'<text:list text:style-name="L">{items("d")}</text:list>',
        "1. a\n2. b\n\nbetween\n\n3. c\n\nanew\n\n1. d",
    ),
    "bullets": (f'<text:list text:style-name="B">{items("a", "b")}</text:list>', "- a\n- b"),
    "a table": (
        f"<table:table><table:table-header-rows><table:table-row><table:table-cell>{p('a')}</table:table-cell>"
        f'<table:table-cell table:number-columns-spanned="2">{p("b")}</table:table-cell><table:covered-table-cell/></table:table-row>'
        f"</table:table-header-rows><table:table-row><table:table-cell>{p('1')}</table:table-cell><table:table-cell/>"
        f"<table:table-cell>{p('3')}</table:table-cell></table:table-row></table:table>",
        "| a | b |  |\n| --- | --- | --- |\n| 1 |  | 3 |",
    ),
    "a footnote": (
        p(f'One<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>{p("note")}</text:note-body></text:note>.') + p("Two."),
        "One[^1].\n\n[^1]: note\n\nTwo.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "text"), SHOWN.values(), ids=SHOWN)
def test_what_a_text_shows(body: str, text: str) -> None:
    """Without a warning, since nothing is lost."""
    parsed = read("a.odt", "text", body)
    assert (parsed.text, parsed.warnings) == (text, ())


def test_headings_are_numbered_by_the_outline() -> None:
    """As the outline's styles say; one that is a header of a list has none."""

    def h(level: int, text: str, more: str = "") -> str:
        return f'<text:h text:outline-level="{level}" {more}>{text}</text:h>'

    body = h(1, "Scope") + h(2, "Terms") + h(1, "Annex", 'text:is-list-header="true"') + h(1, "Law")
    parsed = read("a.odt", "text", body, styles=OUTLINE)
    assert [(each.level, each.title) for each in parsed.headings] == [
        (1, "I. Scope"),
        (2, "I.1 Terms"),
        (1, "Annex"),
        (1, "II. Law"),
    ]


def test_page_headers_and_properties() -> None:
    """Headers and footers once; title, author and language as metadata."""
    pages = (
        f"<style:master-page><style:header>{p('Port of Sund')}</style:header>"
        f"<style:footer>{p('Page <text:page-number>1</text:page-number>')}</style:footer></style:master-page>"
    )
    about = f"<office:document-meta {NAMES}><office:meta><dc:title>Dues</dc:title><dc:creator>Ada</dc:creator><meta:keyword>a</meta:keyword><meta:keyword>b</meta:keyword></office:meta></office:document-meta>"
    parsed = read("a.odt", "text", p("Text."), styles=pages, more={"meta.xml": about.encode()})
    assert parsed.text == "Port of Sund\n\nText.\n\nPage"
    assert (parsed.title, parsed.metadata) == ("Dues", {"author": "Ada", "keywords": "a, b"})


def test_what_is_lost_of_a_text_is_told() -> None:
    """Hidden text, comments, images, objects."""
    body = p("a" + span("gone", "b") + "<office:annotation><text:p>c</text:p></office:annotation>")
    body += p(FRAME.format("<draw:image/>") + FRAME.format("<draw:object/>"))
    body += p('<draw:frame svg:width="1cm" svg:height="1cm"><draw:image/></draw:frame>')
    assert read("a.odt", "text", body).warnings == (
        "hidden text left out: 1",
        "comments left out: 1",
        "images not read: 1",
        "charts and embedded sheets not read: 1",
    )


def cell(text: str, kind: str = "string", more: str = "") -> str:
    return f'<table:table-cell office:value-type="{kind}" {more}>{p(text)}</table:table-cell>'


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def test_sheets_are_read_as_those_of_excel() -> None:
    """Numbers as they are shown, dates in ISO 8601, repeated rows and cells as often as they are."""
    rows = row(cell("berth"), cell("share"), cell("day"))
    rows += row(
        cell("North"),
        cell("25 %", "percentage"),
        cell("9 March", "date", 'office:date-value="2024-03-09"'),
    )
    rows += row(
        cell("South"),
        cell("1", "float", 'table:number-columns-repeated="2"'),
        more='table:number-rows-repeated="2"',
    )
    rows += row(
        '<table:table-cell table:number-columns-repeated="16384"/>',
        more='table:number-rows-repeated="1048000"',
    )
    hidden = f'<table:table table:name="Off" table:style-name="off">{row(cell("x"))}</table:table>'
    parsed = read(
        "a.ods", "spreadsheet", f'<table:table table:name="Dues">{rows}</table:table>{hidden}'
    )
    south = "berth: South\nshare: 1\nday: 1"
    assert parsed.text == (
        f"## Dues\n\nberth: North\nshare: 25 %\nday: 2024-03-09\n\n{south}\n\n{south}"
    )
    assert parsed.places == (Place(0, "sheet", "Dues"),)
    assert parsed.warnings == ("hidden sheets left out: 1",)


def test_a_cell_of_a_sheet_that_spans_rows_is_in_each_of_them() -> None:
    """As its covered places are empty ones."""
    tall = cell("North", more='table:number-rows-spanned="2"')
    rows = row(cell("berth") + cell("fee")) + row(tall + cell("a"))
    rows += row("<table:covered-table-cell/>" + cell("b")) + row(cell("South") + cell("c"))
    parsed = read("a.ods", "spreadsheet", f'<table:table table:name="S">{rows}</table:table>')
    assert parsed.text == (
        "## S\n\nberth: North\nfee: a\n\nberth: North\nfee: b\n\nberth: South\nfee: c"
    )


def test_a_presentation_is_a_page_for_each_slide() -> None:
    """Titles, lists, notes; hidden slides are told and counted."""

    def frame(kind: str, content: str) -> str:
        return f'<draw:frame presentation:class="{kind}"><draw:text-box>{content}</draw:text-box></draw:frame>'

    bullets = f"<text:list><text:list-item>{p('Who')}<text:list>{items('How')}</text:list></text:list-item></text:list>"
    body = f"<draw:page>{frame('outline', bullets)}{frame('title', p('Dues'))}<presentation:notes>{frame('notes', p('Say hello.'))}</presentation:notes></draw:page>"
    body += f'<draw:page draw:style-name="dark">{frame("title", p("Secret"))}</draw:page>'
    body += (
        f"<draw:page><draw:custom-shape>{p('10' + span('up', '6'))}</draw:custom-shape></draw:page>"
    )
    parsed = read("a.odp", "presentation", body)
    assert parsed.text == "## Dues\n\n- Who\n  - How\n\nNotes: Say hello.\n\n## Slide 3\n\n10^6"
    assert [each.value for each in parsed.places] == [1, 3]
    assert parsed.warnings == ("hidden slides left out: slide 2",)


ENCRYPTED: Parts = {
    "META-INF/manifest.xml": b"<m><encryption-data/></m>", "content.xml": b"\x93\x01\x7f<",
}  # fmt: skip
BOMB: Parts = {"content.xml": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x/>'}
DEEP = "<text:section>" * 5_000 + "</text:section>" * 5_000
WIDE = row(
    cell("x" * 10, more='table:number-columns-repeated="16384"'),
    more='table:number-rows-repeated="1048576"',
)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.odt", b"", "damaged"),
        ("a.odt", document("spreadsheet", ""), "damaged"),
        ("a.odt", document("text", "", more=ENCRYPTED), "encrypted with a password"),
        ("a.odt", document("text", "", more=BOMB), "document type"),
        ("a.odt", document("text", DEEP), "nested too deeply"),
        ("a.odt", document("text", p(FRAME.format("<draw:image/>"))), "no text in it: images not read: 1"),
        ("a.odp", document("text", ""), "damaged"),
    ],
)  # fmt: skip
def test_damaged_and_hostile_documents_are_rejects(name: str, data: bytes, reason: str) -> None:
    """Each for its own reason."""
    assert reason in reject_of(name, data).reason


def test_a_cell_that_is_said_to_fill_its_sheet_is_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten characters, 16,384 times in each of a million rows."""
    monkeypatch.setattr(composing, "MAX_CHARACTERS", 1_000_000)
    data = document("spreadsheet", f'<table:table table:name="S">{WIDE}</table:table>')
    assert "more than 1,000,000 characters of text" in reject_of("a.ods", data).reason


def test_the_document_type_that_openoffice_names_is_allowed() -> None:
    """In any part, as it wrote them; one that defines something is not."""
    kind = b'<!DOCTYPE office:document-content PUBLIC "-//OpenOffice.org//DTD" "office.dtd">'
    parts: Parts = {"META-INF/manifest.xml": b"<?xml version='1.0'?>" + kind + b"<m/>"}

    def change(within: Parts) -> None:
        head, _, rest = within["content.xml"].partition(b"?>")
        within["content.xml"] = head + b"?>" + kind + rest if rest else kind + head

    made = changed_zip(document("text", p("Words."), more=parts), change)
    assert read_one("a.odt", made).text == "Words."
