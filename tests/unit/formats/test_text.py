"""From bytes to text."""

from __future__ import annotations

import codecs
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.errors import DocumentRejectedError
from waypoint.formats.text.normalised import MAX_MARKS, normalise_text, read_text

PLAIN = "Grüße, 世界 😀\nzweite Zeile"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\x85").encode(),
        PLAIN.replace("\n", "\u2028").encode(),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        unicodedata.normalize("NFD", PLAIN).encode(),
    ],
)
def test_all_ways_to_write_a_text_give_the_same(data: bytes) -> None:
    """Encodings, BOMs, line ends and Unicode forms leave no trace."""
    assert read_text("a.txt", data).text == PLAIN


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"caf\xe9 ", "not valid UTF-8 at byte 3"),
        (codecs.BOM_UTF8 + b"caf\xe9 ", "not valid UTF-8 at byte 6"),
        (b"\xed\xa0\x80", "not valid UTF-8 at byte 0"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", "not valid UTF-16 at byte 2"),
        (codecs.BOM_UTF16_LE + b"a\x00b", "not valid UTF-16 at byte 4"),
        (codecs.BOM_UTF16_LE + b"\x00\x00a\x00b\x00", "UTF-32"),
        (codecs.BOM_UTF16_LE + b"a\x00\x00\x00", "looks binary"),
        ("a".encode("utf-32"), "UTF-32"),
        (b"text\0", "NUL byte at offset 4"),
        (b"abc\0", "NUL byte at offset 3"),
        (bytes(range(256)), "NUL byte at offset 0"),
        (b"\xff\xd8\xff\xe0" + bytes(range(1, 256)) * 9, "not valid UTF-8"),
        ("Grüße an alle! ".encode() * 9 + b"\xff", "not valid UTF-8 at byte 153"),
        (b"\x01\x02\x03 word", "control characters"),
    ],
)
def test_what_is_not_text_is_rejected_with_the_place_and_a_hint(data: bytes, reason: str) -> None:
    """Never replaced, never dropped."""
    with pytest.raises(DocumentRejectedError) as caught:
        read_text("folder/a.txt", data)
    assert reason in caught.value.reason
    assert caught.value.source == "folder/a.txt"
    assert caught.value.hint


TEXTS = {
    "de": "Das Observatorium öffnet bei klarem Himmel um acht Uhr. Bitte schließen Sie die Tür, "
    "bevor Sie die Kuppel drehen; größere Gruppen müssen sich vorher anmelden.",
    "fr": "L\u2019observatoire est ouvert les soirées où le ciel est dégagé. Veuillez fermer la "
    "porte avant de faire tourner la coupole ; les élèves reçoivent une réduction.",
    "pl": "Obserwatorium otwiera się o ósmej, gdy niebo jest czyste. Proszę zamknąć drzwi przed "
    "obróceniem kopuły; większe grupy muszą się wcześniej zgłosić.",
    "ru": "Обсерватория открывается в восемь часов, если небо ясное. Закройте дверь, прежде чем "
    "поворачивать купол; большие группы должны записываться заранее.",
    "ja": "天文台は晴れた夜の八時に開きます。ドームを回す前に扉を閉めてください。"
    "大きな団体は前もって申し込みが必要です。",
    "zh": "天文台在晴朗的夜晚八点开放。转动圆顶之前请关好门。大型团体必须提前报名。"
    "会费每年十二欧元。天气由看守人决定。",
    "ko": "천문대는 맑은 밤 여덟 시에 문을 엽니다. 돔을 돌리기 전에 문을 닫아 주십시오. "
    "큰 단체는 미리 신청해야 합니다.",
}
LEGACY = [
    *(("de", name) for name in ("cp1252", "iso-8859-1", "iso-8859-15", "cp850")),
    *(("fr", "cp1252"), ("pl", "cp1250"), ("pl", "iso-8859-2")),
    *(("ru", name) for name in ("cp1251", "koi8-r", "iso-8859-5", "cp866")),
    *(("ja", name) for name in ("shift_jis", "euc-jp", "iso2022_jp")),
    *(("zh", "gb18030"), ("zh", "gbk"), ("ko", "euc-kr"), ("ko", "cp949")),
]


@pytest.mark.parametrize(("language", "encoding"), LEGACY)
def test_a_legacy_encoding_is_told_from_a_few_sentences(language: str, encoding: str) -> None:
    """And the user is told which one was taken."""
    decoded = read_text("a.txt", TEXTS[language].encode(encoding))
    assert decoded.text == TEXTS[language]
    assert decoded.warnings == (f"read as {decoded.encoding}",)


@pytest.mark.parametrize("characters", [8, 16, 32, 48])
def test_of_a_few_words_the_encoding_is_right_or_not_told(characters: int) -> None:
    """Other text than was written is never read."""
    wrong, right = [], 0
    for language, encoding in LEGACY:
        text = TEXTS[language]
        for start in range(0, len(text) - characters, 7):
            part = text[start : start + characters]
            try:
                decoded = read_text("a.txt", part.encode(encoding))
            except DocumentRejectedError:
                continue
            right += decoded.text == part
            if decoded.text != part:
                wrong.append((part, encoding, decoded.encoding))
    assert not wrong
    assert right


def test_where_only_the_end_of_a_long_text_tells_it_is_looked_at() -> None:
    """The detector alone reads the first 200,000 bytes."""
    text = "The observatory opens at eight, weather permitting.\n" * 5000 + TEXTS["pl"]
    decoded = read_text("a.txt", text.encode("cp1250"))
    assert (decoded.text, decoded.encoding) == (text, "cp1250")


def test_a_few_curly_quotes_in_english_are_read_as_the_usual_encoding() -> None:
    """They decide nothing between Western and Central European: Western it is, and told."""
    text = "“Please close the door” before turning the dome; it\u2019s heavy. " * 9
    assert read_text("a.txt", text.encode("cp1252")).warnings == ("read as cp1252",)


def test_a_declared_encoding_is_believed_unless_the_bytes_contradict() -> None:
    """Three bytes are too few to guess from; valid UTF-8 is no accident."""
    assert read_text("a.txt", b"caf\xe9", declared="ISO-8859-1").text == "café"
    assert read_text("a.txt", b"\xe9\xe9", declared="koi8-r").text == "ИИ"
    assert read_text("a.txt", b"\x93x\x94", declared="latin1").text == "“x”"
    assert read_text("a.txt", "café".encode(), declared="latin1").text == "café"
    with pytest.raises(DocumentRejectedError, match=r"says it is cp932.* byte 3"):
        read_text("a.txt", b"caf\x81", declared="shift_jis")


@pytest.mark.parametrize("label", ["utf-7", "rot13", "unicode_escape", "idna", "x\0y", "none", ""])
def test_what_is_no_encoding_of_texts_is_not_believed(label: str) -> None:
    """Python has codecs that would make something else of the bytes."""
    with pytest.raises(DocumentRejectedError, match="cannot be told"):
        read_text("a.txt", b"+AGE- caf\xe9", declared=label)


@given(st.integers(MAX_MARKS - 1, MAX_MARKS + 2), st.integers(0, 3 * MAX_MARKS))
def test_hostile_runs_of_marks_are_rejected_wherever_they_are(marks: int, before: int) -> None:
    """Normalising them takes time that grows with the square of their number."""
    text = "x" * before + "\u0316" * marks + "y"
    if marks <= MAX_MARKS:
        assert normalise_text(text) == text
    else:
        with pytest.raises(DocumentRejectedError, match="combining marks"):
            normalise_text(text)


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    """What is normal stays as it is."""
    normal = normalise_text(text)
    assert normalise_text(normal) == normal
    assert "\r" not in normal
    assert not normal.startswith("\ufeff")
