# ruff: noqa: E501, RUF001 - an example a line; signs that look like letters
"""Rich Text: what is on its pages."""

from __future__ import annotations

import pytest

from tests.support.reading import assert_sound, read_one, reject_of

HEAD = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fcharset204 Times;}"
HEAD += rb"{\f2\fcharset2 Symbol;}{\f3\fcharset128 Mincho;}}{\colortbl;\red0;}"
HEAD += rb"{\stylesheet{\s0 Normal;}{\s1\ql heading 1;}{\s7\outlinelevel2 Our own;}}"
SHOWN = {
    "paragraphs": (rb"one\par two\line three\par", "one\n\ntwo\nthree"),
    "bytes of the code page": (rb"gr\'f6\'dfer \'80", "größer €"),
    "bytes of a font's": (rb"{\f1 \'cf\'ee\'f0\'f2}", "Порт"),
    "bytes of two each": (rb"{\f3 \'8d`}", "港"),
    "Unicode": (rb"\u8364?10 \uc0\u28207 x\uc1\u-10179?\u-8704?", "€10 港x\U0001f600"),
    "signs": (rb"a\emdash b\~c\_d\-e\'97\{f\}", "a\u2014b\u00a0c-de\u2014{f}"),
    "a font for signs": (rb"{\f2 a\'b0}", "α°"),
    "a power": (rb"10{\super 6} m, 10\up6 -3\up0 .", "10^6 m, 10^-3."),
    "a formula": (rb"H{\sub 2}O, V\sub max\nosupersub", "H2O, V_max"),
    "a field": (rb"see {\field{\*\fldinst PAGEREF x}{\fldrslt 12}}.", "see 12."),
    "a ticked box": (
        rb"{\field{\*\fldinst {\*\formfield{\fftype1\ffres1{\*\ffname Cleared}}}}{\fldrslt }} a",
        "☒ a",
    ),
    "numbers of lists": (
        rb"{\listtext 1.\tab}\ls1 a\par{\listtext 2.\tab}\ls1 b\par\pard x\par{\listtext 3.\tab}c\par",
        "1. a\n2. b\n\nx\n\n3. c",
    ),
    "bullets": (rb"{\listtext\'b7\tab}a\par{\pntext\f2\'b7\tab}b\par{\listtext o\tab}c", "- a\n- b\n- c"),
    "headings": (rb"\s1 Scope\par\pard\plain text\par\s7{\listtext 1.1\tab}Deep\par", "# Scope\n\ntext\n\n### 1.1 Deep"),
    "a table": (
        rb"Before\par\trowd\intbl a\cell b|c\cell\row\trowd\intbl 1\par 2\cell 3\cell\row\pard After\par",
        "Before\n\n| a | b\\|c |\n| --- | --- |\n| 1 2 | 3 |\n\nAfter",
    ),
    "a table at the end": (rb"\intbl a\cell b\cell\row", "| a | b |\n| --- | --- |"),
    "a table of one column": (rb"\intbl a\cell\row\intbl b\cell\row\pard c", "a\n\nb\n\nc"),
    "notes": (rb"One{\super\chftn}{\*\footnote{\super\chftn} note}.\par Two.", "One[^1].\n\n[^1]: note\n\nTwo."),
    "a text box": (
        rb"a{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt in it\par}}{\shprslt in it}}b\par c",
        "ab\n\nin it\n\nc",
    ),
    "page headers": (rb"{\header Port of Sund\par}{\footer Page {\field{\fldrslt 1}}\par}text\par", "Port of Sund\n\ntext\n\nPage 1"),
    "deleted text": (rb"kept{\deleted  gone}", "kept"),
    "unknown groups": (rb"a{\*\unknown gone}{\*\xmlopen gone}{\xe gone}b", "ab"),
    "a picture's bytes": (rb"a{\pict\bin5 }}}}}}b", "ab"),
    "what is never closed": (rb"a{\b b", "ab"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "text"), SHOWN.values(), ids=SHOWN)
def test_what_a_page_shows(body: bytes, text: str) -> None:
    """Signs, code pages, lists, tables, notes."""
    parsed = read_one("a.rtf", HEAD + body + b"}")
    assert parsed.text == text
    assert_sound(parsed)


def test_what_the_file_says_of_itself_is_metadata() -> None:
    """The title is none of it."""
    about = rb"{\info{\title D\'fces}{\author Ada}{\operator Bo}{\keywords a, b}}text"
    parsed = read_one("a.rtf", HEAD + about + b"}")
    assert (parsed.title, parsed.text) == ("Dües", "text")
    assert parsed.metadata == {"author": "Ada", "keywords": "a, b"}


def test_what_is_lost_is_told() -> None:
    """Hidden text, comments, images, objects, signs and bytes without a meaning."""
    parsed = read_one(
        "a.rtf",
        HEAD + rb"a{\v b}{\*\annotation c}{\pict\picwgoal5000\pichgoal5000 ff}"
        rb"{\pict\picwgoal500\pichgoal500 ff}{\object{\*\objdata ff}{\result d}}{\f3 \'81}}",
    )
    assert parsed.text == "ad\ufffd"
    assert parsed.warnings == (
        "hidden text left out: 1",
        "comments left out: 1",
        "images not read: 1",
        "embedded objects not read: 1",
        "characters that their code page doesn't have: 1",
    )


def test_a_star_within_a_group_leaves_out_nothing() -> None:
    """Only at its beginning it says that who doesn't know the word may leave the group out."""
    data = HEAD + rb"{\i0\*\cs7\cf0 Kept. \*\nobodyknows And this.{\*\nobodyknows Not this.}}\par}"
    assert read_one("a.rtf", data).text == "Kept. And this."


def test_lists_defined_outside_of_their_table_are_no_text() -> None:
    """Nor what programs write of their levels and names."""
    level = rb"{\listlevel\levelnfc0{\leveltext \'02\'00.;}{\levelnumbers \'01;}}"
    lists = rb"{\list\listtemplateid1" + level + rb"{\listname Secret;}\listid1}"
    overrides = rb"{\listoverride\listid1{\lfolevel\listoverridestartat" + level + b"}}"
    assert read_one("a.rtf", HEAD + lists + overrides + rb"Text.\par}").text == "Text."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not RTF"),
        (b"text", "not RTF"),
        (b"PK\x03\x04", "not RTF"),
        (HEAD + rb"{\pict\picwgoal5000\pichgoal5000 ff}}", "no text in it: images not read: 1"),
    ],
)
def test_what_is_no_text_is_a_reject(data: bytes, reason: str) -> None:
    """A file of another format among it."""
    assert reason in reject_of("a.rtf", data).reason


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 50_000 + b"a" + b"}" * 50_000,
        b"}" * 50_000 + b"a",
        b"\\u" * 25_000 + b"a",
        rb"\'" * 25_000 + b"a",
        rb"{\footnote " * 5_000 + b"a",
        rb"\intbl\cell" * 50_000 + b"a",
        rb"{\pict " + b"ff\n" * 50_000 + b"}a",
        rb"\uc9999999999\u1 " + b"b" * 1_000 + rb"\bin9999999999 a",
    ],
)
def test_hostile_files_take_no_long_time(body: bytes) -> None:
    """Nor do they end the reader: each is read in less than the time a test has."""
    read_one("a.rtf", HEAD + body)
