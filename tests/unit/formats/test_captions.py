"""Captions: what is said, with its times."""

from __future__ import annotations

import pytest

from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.plain.captions import PARAGRAPH_CHARACTERS
from waypoint.formats.registry import ParsedDocument
from waypoint.models import Place


def read(name: str, text: str) -> ParsedDocument:
    parsed = read_one(name, text.encode())
    assert_sound(parsed)
    return parsed


def test_cues_of_srt_become_paragraphs_with_their_time() -> None:
    """A pause ends one; markup of letters is left out."""
    parsed = read(
        "a.srt",
        "1\r\n00:00:01,000 --> 00:00:03,000\r\nThe <i>harbour</i>\r\nopens.\r\n\r\n"
        "2\r\n00:00:03,100 --> 00:00:05,000\r\nShips wait.\r\n\r\n"
        "3\r\n01:02:09,500 --> 01:02:11,000\r\n{\\an8}It closes.\r\n",
    )
    assert parsed.text == "The harbour opens. Ships wait.\n\nIt closes."
    assert parsed.places == (Place(0, "time", "00:00:01"), Place(32, "time", "01:02:09"))


def test_notes_and_styles_of_webvtt_are_no_captions() -> None:
    """Voices stand before what they say; entities are what they mean."""
    parsed = read(
        "a.vtt",
        "WEBVTT - Title\n\nSTYLE\n::cue { color: red }\n\nNOTE not shown\n\n"
        "intro\n00:01.000 --> 00:02.000 align:start\n<v Ada Quill>Fees &amp; dues</v>\n\n"
        "00:02.000 --> 00:03.000\n<v.loud Bo>are <c.red>paid</c>.\n",
    )
    assert parsed.text == "Ada Quill: Fees & dues\n\nBo: are paid."
    assert [each.value for each in parsed.places] == ["00:00:01", "00:00:02"]


def test_captions_that_roll_up_are_said_once() -> None:
    """Each line is shown twice: below, then above the next."""
    parsed = read(
        "a.vtt",
        "WEBVTT\n\n00:01.000 --> 00:02.000\none two\n\n00:02.000 --> 00:03.000\none two\nthree\n\n"
        "00:03.000 --> 00:04.000\nthree\nfour\n",
    )
    assert parsed.text == "one two three four"


def test_a_long_speech_is_many_paragraphs() -> None:
    """Each ends with a sentence, or where none ends for long."""
    sentence = "The tide comes in and goes out again. "
    cues = "".join(
        f"{at // 60:02}:{at % 60:02}.000 --> {at // 60:02}:{at % 60:02}.900\n{text}\n\n"
        for at, text in enumerate([sentence] * 40 + ["no end"] * 400)
    )
    paragraphs = read("a.vtt", f"WEBVTT\n\n{cues}").text.split("\n\n")
    assert len(paragraphs) > 5
    assert paragraphs[0].endswith("again.")
    assert max(map(len, paragraphs)) < 4 * PARAGRAPH_CHARACTERS


def test_cues_without_an_empty_line_between_them() -> None:
    """As some programs write them; the number of the next is no text."""
    parsed = read("a.srt", "1\n00:00:01,0 --> 00:00:02,0\none\n2\n00:00:02,0 --> 00:00:03,0\ntwo\n")
    assert parsed.text == "one two"


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_what_is_no_captions_is_a_reject(name: str) -> None:
    """One without a cue is empty."""
    assert "no line of it is a time" in reject_of(name, b"Just text.").reason
    assert read_one(name, b"WEBVTT\n").text == ""
