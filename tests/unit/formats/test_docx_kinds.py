# ruff: noqa: E501, RUF001 - an element of XML a line; signs that look like letters
"""What Word shows on the page, by kind: it is in the text, in order, or a warning tells of it."""

from __future__ import annotations

import pytest

from tests.support.office_files import Parts, changed_zip, word_file
from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.registry import ParsedDocument


def run(text: str, look: str = "") -> str:
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str, look: str = "") -> str:
    return f"<w:p><w:pPr>{look}</w:pPr>{content}</w:p>"


def field(instruction: str, result: str | None = None, form: str = "") -> str:
    begin = f'<w:r><w:fldChar w:fldCharType="begin">{form}</w:fldChar></w:r>'
    code = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
    shown = "" if result is None else f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}'
    return f'{begin}{code}{shown}<w:r><w:fldChar w:fldCharType="end"/></w:r>'


def sign(align: str) -> str:
    return f'<w:vertAlign w:val="{align}script"/>'


def text_box(content: str) -> str:
    return f"<w:txbxContent>{paragraph(run(content))}</w:txbxContent>"


def shape(content: str) -> str:
    return (
        f"<w:drawing><wp:anchor><a:graphic><a:graphicData><wps:wsp><wps:txbx>{text_box(content)}"
        "</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing>"
    )


def check_box(state: str, shown: str) -> str:
    return (
        f'<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{state}"/></w14:checkbox></w:sdtPr>'
        f"<w:sdtContent>{run(shown)}</w:sdtContent></w:sdt>"
    )


def math(content: str) -> str:
    return f"<m:oMath>{content}</m:oMath>"


def m(text: str, name: str = "") -> str:
    inner = f"<m:r><m:t>{text}</m:t></m:r>"
    return f"<m:{name}>{inner}</m:{name}>" if name else inner


def form_box(state: str) -> str:
    return f"<w:ffData><w:checkBox>{state}</w:checkBox></w:ffData>"


CHOICE = (
    '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/>'
    '<w:listEntry w:val="green"/></w:ddList></w:ffData>'
)
RUBY = "<w:ruby><w:rt>{}</w:rt><w:rubyBase>{}</w:rubyBase></w:ruby>"
SHOWN = {
    # fields
    "a reference's result": (run("see page ") + field("PAGEREF _x", run("12")), "see page 12"),
    "a nested field": (
        field("IF " + "</w:instrText></w:r>" + field("DATE", run("no")) + "<w:r><w:instrText>",
              run("yes")),
        "yes",
    ),
    "a simple field": ('<w:fldSimple w:instr="REF x">' + run("clause 4") + "</w:fldSimple>", "clause 4"),
    "a link": ('<w:hyperlink r:id="x">' + run("the port") + "</w:hyperlink>", "the port"),
    "a button": (field("MACROBUTTON Go [Click here]"), "[Click here]"),
    "a choice": (run("It is ") + field("FORMDROPDOWN", None, CHOICE), "It is green"),
    "a phonetic field": (field(r"EQ \* jc2 \o\ad(\s\up 9(とう),東)"), "東(とう)"),
    # equations
    "a fraction": (math(f"<m:f>{m('a', 'num')}{m('b+1', 'den')}</m:f>"), r"\frac{a}{b+1}"),
    "a root": (math(f"<m:rad><m:deg/>{m('x', 'e')}</m:rad>"), r"\sqrt{x}"),
    "a power in a sentence": (
        run("The load is ") + math(m("E=m") + f"<m:sSup>{m('c', 'e')}{m('2', 'sup')}</m:sSup>")
        + run(" here."),
        "The load is E=mc^2 here.",
    ),
    "a sum": (
        math('<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
             f"{m('i=1', 'sub')}{m('n', 'sup')}{m('i', 'e')}</m:nary>"),
        "∑_{i=1}^n i",
    ),
    "a matrix": (
        math(f"<m:m><m:mr>{m('1', 'e')}{m('2', 'e')}</m:mr><m:mr>{m('3', 'e')}{m('4', 'e')}</m:mr></m:m>"),
        r"\begin{matrix}1 & 2 \\ 3 & 4\end{matrix}",
    ),
    # ruby
    "ruby": (f"<w:r>{RUBY.format(run('とうきょう'), run('東京'))}</w:r>" + run("港"), "東京(とうきょう)港"),
    "ruby without a reading": (f"<w:r>{RUBY.format('', run('東京'))}</w:r>", "東京"),
    "ruby in a link": (
        f"<w:hyperlink><w:r>{RUBY.format(run('gǎng'), run('港'))}</w:r></w:hyperlink>", "港(gǎng)",
    ),
    # text boxes and shapes
    "a box": (run("Before.") + f"<w:r>{shape('In the box.')}</w:r>", "Before.\n\nIn the box."),
    "a box that is there twice": (
        f"<w:r><mc:AlternateContent><mc:Choice>{shape('Once.')}</mc:Choice><mc:Fallback><w:pict>"
        f"<v:textbox>{text_box('Once.')}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>",
        "Once.",
    ),
    "a box of old": (f"<w:r><w:pict><v:shape><v:textbox>{text_box('Old.')}</v:textbox></v:shape></w:pict></w:r>", "Old."),
    "word art": ('<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>', "DRAFT"),
    # check boxes and controls
    "a ticked box": (check_box("1", "☒") + run(" cleared"), "☒ cleared"),
    "an empty box": (check_box("0", "☐") + run(" cleared"), "☐ cleared"),
    "a box of an old form": (field("FORMCHECKBOX", None, form_box("<w:checked/>")) + run(" a"), "☒ a"),
    "one that is empty": (
        field("FORMCHECKBOX", None, form_box('<w:default w:val="0"/>')) + run(" a"), "☐ a",
    ),
    "a content control": (
        f"<w:sdt><w:sdtPr/><w:sdtContent>{run('Anna')}</w:sdtContent></w:sdt>", "Anna",
    ),
    # tracked changes
    "an insertion": (run("one ") + f"<w:ins>{run('two')}</w:ins>", "one two"),
    "a deletion": (run("one") + "<w:del><w:r><w:delText> two</w:delText></w:r></w:del>", "one"),
    "what was moved": (f"<w:moveTo>{run('here')}</w:moveTo><w:moveFrom>{run('there')}</w:moveFrom>", "here"),
    # raised and lowered
    "a power": (run("10") + run("6", sign("super")) + run(" m"), "10^6 m"),
    "a negative power": (run("10") + run("-6", sign("super")), "10^-6"),
    "a formula": (run("H") + run("2", sign("sub")) + run("O"), "H2O"),
    "a base": (run("101") + run("2", sign("sub")), "101_2"),
    "an index": (run("V") + run("max", sign("sub")), "V_max"),
    "an ordinal": (run("the 1") + run("st", sign("super")) + run(" of May"), "the 1st of May"),
    "a power before a digit": (run("2") + run("3", sign("super")) + run("4"), "2^{3}4"),
    "a power raised by hand": (run("10") + run("6", '<w:position w:val="8"/>'), "10^6"),
    "a hyphen that doesn't break": (run("ABC") + "<w:r><w:noBreakHyphen/><w:t>123</w:t></w:r>", "ABC-123"),
    "a power in two runs": (run("10") + run("1", sign("super")) + run("2", sign("super")), "10^12"),
    # signs
    "a symbol": ('<w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>' + run(" done"), "✓ done"),
    "a letter in a symbol font": (run("a", '<w:rFonts w:ascii="Symbol"/>'), "α"),
    "a private character": (run("\uf0b0", '<w:rFonts w:ascii="Symbol"/>'), "°"),
    "breaks": (run("one") + '<w:r><w:br w:type="page"/></w:r>' + run("two"), "one\ntwo"),
    "tabs": (run("one") + "<w:r><w:tab/><w:t>two</w:t></w:r>", "one\ttwo"),
    "soft hyphens": (run("har\u00adbour") + "<w:r><w:softHyphen/></w:r>", "harbour"),
    "directions": (f"<w:bdo>{run('שלום')}</w:bdo><w:dir>{run(' abc')}</w:dir>", "שלום abc"),
    "a run that is split": (run("12") + "<w:proofErr/>" + run("34"), "1234"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "text"), SHOWN.values(), ids=SHOWN)
def test_what_a_paragraph_shows(content: str, text: str) -> None:
    """Without a warning, since nothing is lost."""
    parsed = read_one("a.docx", word_file(paragraph(content)))
    assert (parsed.text, parsed.warnings) == (text, ())
    assert_sound(parsed)


LOST = {
    "hidden text": (run("a ") + run("b", "<w:vanish/>"), "hidden text left out: paragraph 1"),
    "a field without a result": (run("a ") + field("REF x"), "fields without a result: paragraph 1"),
    "an equation of old": (
        run("a ") + '<w:object><o:OLEObject ProgID="Equation.3"/></w:object>',
        "equations not read (made with the old Equation Editor): paragraph 1",
    ),
    "an equation field": (
        run("a ") + field(r"EQ \i\su(1,2,3)"), "equations not read (EQ fields): paragraph 1",
    ),
    "an embedded sheet": (
        run("a ") + '<w:object><o:OLEObject ProgID="Excel.Sheet.12"/></w:object>',
        "embedded objects not read: paragraph 1",
    ),
    "a comment": (run("a ") + "<w:r><w:commentReference/></w:r>", "comments left out: 1"),
    "a large image": (
        run("a ") + '<w:drawing><wp:inline><wp:extent cx="5400000" cy="3600000"/>'
        "<a:graphic><a:blip/></a:graphic></wp:inline></w:drawing>",
        "images not read: paragraph 1",
    ),
    "a symbol of an unknown font": (
        run("a ") + '<w:r><w:sym w:font="Runes" w:char="F041"/></w:r>',
        "symbols without a meaning outside their font: paragraph 1",
    ),
    "an embedded document": (
        run("a ") + '</w:p><w:altChunk r:id="none"/><w:p>',
        "embedded documents (altChunk) not read: 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "warning"), LOST.values(), ids=LOST)
def test_what_is_lost_is_told_with_its_place(content: str, warning: str) -> None:
    """Without a word of the document."""
    parsed = read_one("a.docx", word_file(paragraph(content)))
    assert (parsed.text, parsed.warnings) == ("a", (warning,))


def test_a_document_of_which_nothing_can_be_read_is_a_reject() -> None:
    """It says what there is in place of text; an empty one is no reject."""
    drawn = '<w:drawing><wp:inline><wp:extent cx="5400000" cy="3600000"/><a:blip/></wp:inline></w:drawing>'
    reject = reject_of("a.docx", word_file(paragraph(drawn)))
    assert reject.reason == "no text in it: images not read: paragraph 1"
    assert read_one("a.docx", word_file(paragraph(""))).text == ""


# -- numbers --------------------------------------------------------------------------------


def level(number: int, form: str, text: str, more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


LEGAL = level(0, "decimal", "%1.") + level(1, "decimal", "%1.%2") + level(2, "lowerLetter", "(%3)")
MORE = "".join(
    f'<w:num w:numId="{number}"><w:abstractNumId w:val="{of}"/>{override}</w:num>'
    for number, of, override in (
        (1, 0, ""),
        (2, 0, ""),
        (3, 0, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'),
        (4, 1, ""),
        (5, 2, ""),
    )
)
NUMBERING = (
    f'<w:abstractNum w:abstractNumId="0">{LEGAL}</w:abstractNum>'
    f'<w:abstractNum w:abstractNumId="1">{level(0, "bullet", "·")}{level(1, "bullet", "o")}</w:abstractNum>'
    f'<w:abstractNum w:abstractNumId="2">{level(0, "upperRoman", "Article %1")}'
    f"{level(1, 'decimal', '%1.%2', '<w:isLgl/>')}</w:abstractNum>" + MORE
)
STYLES = (
    '<w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:styleId="Chapter"><w:basedOn w:val="H1"/><w:name w:val="Our chapter"/></w:style>'
    '<w:style w:styleId="H8"><w:name w:val="heading 8"/></w:style>'
    '<w:style w:styleId="toc1"><w:name w:val="toc 1"/></w:style>'
    '<w:style w:styleId="Secret" w:type="character"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>'
)


def numbered(text: str, of: int, at: int = 0) -> str:
    look = f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{of}"/></w:numPr>'
    return paragraph(run(text), look)


def styled(text: str, style: str, more: str = "") -> str:
    return paragraph(run(text), f'<w:pStyle w:val="{style}"/>{more}')


def numbered_document(*body: str) -> ParsedDocument:
    related: dict[str, tuple[str, bytes | str]] = {
        "numbering": ("numbering", NUMBERING),
        "styles": ("styles", STYLES),
    }
    parsed = read_one("a.docx", word_file("".join(body), related))
    assert_sound(parsed)
    return parsed


def test_a_list_goes_on_behind_a_paragraph() -> None:
    """Two lists of one definition count on together; one that starts anew doesn't."""
    between = paragraph(run("Wait."))
    parsed = numbered_document(
        *(numbered("a", 1), numbered("b", 1), between, numbered("c", 1), numbered("d", 2)),
        *(numbered("e", 3), numbered("f", 3)),
    )
    assert parsed.text == "1. a\n2. b\n\nWait.\n\n3. c\n\n4. d\n\n1. e\n2. f"


def test_clauses_have_the_numbers_of_their_levels() -> None:
    """A level begins anew below the next one above it; a deleted paragraph is not counted."""
    gone = paragraph(
        "<w:del><w:r><w:delText>x</w:delText></w:r></w:del>",
        '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr><w:rPr><w:del/></w:rPr>',
    )
    parsed = numbered_document(
        *(numbered("A", 1), numbered("a", 1, 1), gone, numbered("b", 1, 1), numbered("i", 1, 2)),
        *(numbered("B", 1), numbered("c", 1, 1), numbered("j", 1, 2), numbered("k", 1, 2)),
    )
    found = [line.strip() for line in parsed.text.split("\n")]
    assert found == ["1. A", "1.1 a", "1.2 b", "(a) i", "2. B", "2.1 c", "(a) j", "(b) k"]


def test_headings_are_numbered_by_their_style() -> None:
    """Also by one that theirs is based on; a number that is taken away is none."""
    plain = '<w:numPr><w:numId w:val="0"/></w:numPr>'
    parsed = numbered_document(
        styled("Scope", "H1"), styled("Terms", "Chapter"), styled("Annex", "H1", plain),
        numbered("first", 1, 1), styled("Deep", "H8"),
    )  # fmt: skip
    assert [(each.level, each.title) for each in parsed.headings] == [
        (1, "1. Scope"),
        (1, "2. Terms"),
        (1, "Annex"),
        (6, "Deep"),
    ]
    assert "2.1 first" in parsed.text


def test_bullets_and_numbers_in_other_forms() -> None:
    """Roman numbers that become decimal below, as legal numbering has it."""
    parsed = numbered_document(
        *(numbered("x", 4), numbered("y", 4, 1), numbered("A", 5), numbered("B", 5)),
        numbered("c", 5, 1),
    )
    assert parsed.text == "- x\n  - y\n\nArticle I A\nArticle II B\n  2.1 c"


def test_what_only_looks_like_markdown_is_no_structure() -> None:
    """A number sign, a fence and a line of dashes are what they are."""
    body = [paragraph(run(text)) for text in ("# 1 in sales", "```", "a", "---")]
    parsed = numbered_document(*body, styled("Real", "H1"))
    assert [each.title for each in parsed.headings] == ["1. Real"]
    assert parsed.blocks == ()


def test_contents_and_hidden_styles_are_left_out() -> None:
    """A table of contents says nothing new."""
    parsed = numbered_document(
        styled("Scope 3", "toc1"), styled("Scope", "H1"),
        paragraph(run("shown") + run(" not", '<w:rStyle w:val="Secret"/>')),
    )  # fmt: skip
    assert parsed.text == "# 1. Scope\n\nshown"
    assert parsed.warnings == ("hidden text left out: paragraph 3",)


def test_paragraphs_that_run_on_are_one() -> None:
    """One whose mark is deleted, a heading with a style separator, and an initial."""
    deleted = paragraph(run("Be"), "<w:rPr><w:ins/><w:del/></w:rPr>") + paragraph(run("fore."))
    separated = paragraph(run("Term. "), "<w:rPr><w:vanish/><w:specVanish/></w:rPr>")
    initial = paragraph(run("O"), '<w:framePr w:dropCap="drop"/>') + paragraph(run("nce."))
    parsed = numbered_document(deleted, separated, paragraph(run("It means")), initial)
    assert parsed.text == "Before.\n\nTerm. It means\n\nOnce."


# -- tables, notes, headers -----------------------------------------------------------------


def cell(content: str, look: str = "") -> str:
    return f"<w:tc><w:tcPr>{look}</w:tcPr>{content}</w:tc>"


def row(*cells: str, look: str = "") -> str:
    shown = [each if each.startswith("<w:tc>") else cell(paragraph(run(each))) for each in cells]
    return f"<w:tr><w:trPr>{look}</w:trPr>{''.join(shown)}</w:tr>"


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(rows)}</w:tbl>"


def test_cells_keep_their_columns() -> None:
    """Where cells are merged across or down, and where a row was deleted."""
    wide = cell(paragraph(run("depth")), '<w:gridSpan w:val="2"/>')
    down = cell(paragraph(""), "<w:vMerge/>")
    parsed = numbered_document(
        table(
            row("berth", wide), row("North", "6", "8"), row(down, "7", "9"),
            row("gone", "1", "2", look="<w:del/>"),
            f"<w:sdt><w:sdtContent>{row('South', '5')}</w:sdtContent></w:sdt>",
        )
    )  # fmt: skip
    assert parsed.text.splitlines() == [
        "| berth | depth |  |",
        "| --- | --- | --- |",
        "| North | 6 | 8 |",
        "|  | 7 | 9 |",
        "| South | 5 |  |",
    ]
    assert [each.kind for each in parsed.blocks] == ["table"]


def test_a_table_that_only_places_text_is_text() -> None:
    """A box of one column, a table in a cell, columns with headings of their own."""
    inner = table(row("a", "b"), row("1", "2"))
    parsed = numbered_document(
        table(row("Note well.")),
        table(row(cell(styled("Left", "H1") + paragraph(run("text"))), "right")),
        table(row(cell(paragraph(run("Figures")) + inner), "beside")),
    )
    assert parsed.text == (
        "Note well.\n\n# 1. Left\n\ntext\n\nright\n\n"
        "Figures\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nbeside"
    )


def test_notes_stand_behind_what_they_belong_to() -> None:
    """Footnotes behind the paragraph, or the table; endnotes at the end."""

    def note(number: int, text: str, kind: str = "footnote") -> str:
        return f'<w:{kind} w:id="{number}">{paragraph(run(text))}</w:{kind}>'

    def mark(number: int, kind: str = "footnote") -> str:
        return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'

    body = (
        paragraph(run("One") + mark(7))
        + table(row("a", cell(paragraph(run("b") + mark(9)))), row("c", "d"))
        + paragraph(run("Two") + mark(1, "endnote"))
        + paragraph(run("Three"))
    )
    parsed = read_one(
        "a.docx",
        word_file(
            body,
            {
                "footnotes": ("footnotes", note(7, "first") + note(9, "second")),
                "endnotes": ("endnotes", note(1, "last", "endnote")),
            },
        ),
    )  # fmt: skip
    assert parsed.text == (
        "One[^1]\n\n[^1]: first\n\n| a | b[^2] |\n| --- | --- |\n| c | d |\n\n[^2]: second\n\n"
        "Two[^i]\n\nThree\n\n[^i]: last"
    )


def test_page_headers_and_footers_are_read_once() -> None:
    """Without the numbers of pages; one for a first page only where there is such a page."""
    section = (
        '<w:sectPr><w:headerReference w:type="default" r:id="hdr"/>'
        '<w:headerReference w:type="first" r:id="first"/>'
        '<w:footerReference w:type="default" r:id="ftr"/>{}</w:sectPr>'
    )
    page = paragraph(run("Page ") + field("PAGE", run("7")) + run(" of the file"))
    parts: dict[str, tuple[str, bytes | str]] = {
        "hdr": ("header", paragraph(run("Port of Sund"))),
        "first": ("header", paragraph(run("Letter"))),
        "ftr": ("footer", page),
    }
    body = paragraph("", section.format("")) + paragraph(run("Text.")) + section.format("")
    parsed = read_one("a.docx", word_file(body, parts))
    assert parsed.text == "Port of Sund\n\nText.\n\nPage  of the file"
    titled = read_one("a.docx", word_file(body + section.format("<w:titlePg/>"), parts))
    assert titled.text.startswith("Port of Sund\n\nLetter\n\nText.")


def chunk(name: str, content: bytes) -> ParsedDocument:
    body = paragraph(run("Before.")) + f'<w:altChunk r:id="{name}"/>' + paragraph(run("After."))
    return read_one("a.docx", word_file(body, {name: ("aFChunk", content)}))


def test_documents_within_a_document_are_read() -> None:
    """With their headings: HTML, text, and Word's own."""
    web = chunk("chunk.html", b"<html><body><h2>Part</h2><p>10<sup>6</sup></p></body></html>")
    assert [each.title for each in web.headings] == ["Part"]
    assert web.text.startswith("Before.\n\n## Part")
    assert web.text.endswith("After.")
    assert chunk("chunk.txt", b"plain words").text == "Before.\n\nplain words\n\nAfter."
    word = chunk("chunk.docx", word_file(paragraph(run("from Word"))))
    assert word.text == "Before.\n\nfrom Word\n\nAfter."
    unknown = chunk("chunk.bin", b"\0\1")
    assert unknown.warnings == ("embedded documents (altChunk) not read: 1",)


def test_charts_and_diagrams_are_read() -> None:
    """A chart's figures as a table below its title; a diagram's texts; else they are told."""
    series = (
        "<c:ser><c:tx><c:v>Sales</c:v></c:tx>"
        '<c:cat><c:pt idx="0"><c:v>East</c:v></c:pt><c:pt idx="1"><c:v>West</c:v></c:pt></c:cat>'
        '<c:val><c:pt idx="0"><c:v>19.2</c:v></c:pt><c:pt idx="1"><c:v>21</c:v></c:pt></c:val></c:ser>'
    )
    title = "<c:title><a:t>Dues by </a:t><a:t>coast</a:t></c:title>"
    points = "<dgm:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p></dgm:t><dgm:t><a:p><a:r><a:t>Do</a:t></a:r></a:p></dgm:t>"
    body = paragraph('<w:drawing><c:chart r:id="chart"/></w:drawing>') + paragraph(
        '<w:drawing><dgm:relIds r:dm="data"/></w:drawing>'
    )
    parsed = read_one(
        "a.docx",
        word_file(body, {"chart": ("chart", title + series), "data": ("diagramData", points)}),
    )
    assert parsed.text == (
        "Dues by coast\n\n|  | Sales |\n| --- | --- |\n| East | 19.2 |\n| West | 21 |\n\nPlan\n\nDo"
    )
    lost = read_one("a.docx", word_file(paragraph(run("a")) + body))
    assert lost.warnings == ("charts and diagrams not read: paragraphs 2 to 3",)


def test_the_strict_variant_is_read_alike() -> None:
    """Its namespaces are others."""
    plain = word_file(paragraph(run("10") + run("6", sign("super"))))

    def change(parts: Parts) -> None:
        parts["word/document.xml"] = parts["word/document.xml"].replace(
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        )

    assert read_one("a.docx", changed_zip(plain, change)).text == "10^6"
