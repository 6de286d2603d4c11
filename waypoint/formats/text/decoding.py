"""From bytes to characters: which encoding a text is in, or why that cannot be told.

No byte is ever replaced or dropped: what does not decode, or could as well be something else,
is a reject.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from waypoint.errors import DocumentRejectedError

_SAMPLE_BYTES = 8192
_CONTROL_CHARACTERS = bytes(code for code in range(32) if chr(code) not in "\t\n\v\f\r\x1b")
_CONTROL_SHARE = 0.1

_SAVE_AS_UTF8 = "save the file as UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8)"
_NOT_TEXT = "if it is text, save it as UTF-8; if not, give it the suffix of its real format"

DECODERS = {
    **dict.fromkeys(("utf-8", "utf-8-sig"), "utf-8"),
    **{name: name for name in ("utf-16", "utf-16-le", "utf-16-be")},
    # What bears these names in the wild is the superset, as the WHATWG's Encoding Standard has it.
    **dict.fromkeys(("ascii", "iso8859-1", "cp1252"), "cp1252"),
    **dict.fromkeys(("iso8859-9", "cp1254"), "cp1254"),
    **dict.fromkeys(("tis-620", "iso8859-11", "cp874"), "cp874"),
    **dict.fromkeys(("shift_jis", "cp932"), "cp932"),
    **dict.fromkeys(("euc_kr", "cp949"), "cp949"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("big5", "big5hkscs", "cp950"), "big5hkscs"),
    **{f"cp{n}": f"cp{n}" for n in (437, 850, 852, 866, *range(1250, 1259))},
    **{f"iso8859-{n}": f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{name: name for name in ("koi8-r", "koi8-u", "euc_jp", "iso2022_jp", "mac-roman")},
}
"""Python's names of the encodings that are believed, and what decodes each. The other codecs
that Python has are rare, not of text, or (utf-7) a way to hide one."""

_OTHER_NAMES = {
    "windows-874": "cp874",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-gbk": "gbk",
    "windows-949": "cp949",
    "x-x-big5": "big5",
}
"""Labels of the Encoding Standard that Python doesn't know."""

_CANDIDATES = (
    *("windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254"),
    *("windows-1255", "windows-1256", "windows-1257", "windows-874", "iso-8859-2", "iso-8859-5"),
    *("iso-8859-7", "iso-8859-9", "koi8-r", "koi8-u", "cp866", "cp850", "shift_jis", "euc-jp"),
    *("gb18030", "big5", "euc-kr"),
)
"""What chardet chooses from. Its other candidates are hardly met, and mistaken for these."""

_LEAST_CONFIDENCE = 0.05
_SHORT_BYTES = 64
_LEAST_CONFIDENCE_IF_SHORT = 0.3
"""chardet 7's guesses of 14 languages in 29 encodings: from 80 characters on all were right, with
confidences from 0.12; of those of 10 to 40 characters 4 % were wrong, with up to 0.29."""
_TIE = 0.98
"""A second guess of so much of the first one's confidence is as good."""

_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_AROUND_BYTES = 100
_DETECTED_BYTES = 100_000
"""chardet looks at the first 200,000 bytes; in a long text these may all be ASCII."""
_SURELY_UTF16_BYTES = 64

_NOT_IN_TEXT = frozenset({"Cc", "Cn", "Co", "Cs"})


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Characters as the bytes have them, not yet normalised."""

    text: str
    encoding: str
    """``utf-8``, or another one in Python's spelling."""
    warnings: tuple[str, ...] = ()


def decode(source: str, data: bytes, *, declared: str = "") -> DecodedText:
    """Decode the text of a file: by its BOM, as UTF-8, as it is ``declared``, or as detected.

    ``declared`` is what the text says of itself, by whatever name; a name that is not known, or
    is contradicted by text that is valid UTF-8, does not count. An encoding that was neither
    declared nor UTF-8 or UTF-16 is told as a warning.

    Raises DocumentRejectedError.
    """
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DocumentRejectedError(source, "encoded as UTF-32", hint=_SAVE_AS_UTF8)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded_utf16(source, data)
    if 0 in data:
        return _utf16_without_bom(source, data)
    bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    _refuse_binary(source, data)
    try:
        text = data[bom:].decode()
    except UnicodeDecodeError as error:
        problem = f"not valid UTF-8 at byte {error.start + bom:,} ({error.reason})"
        if bom or _is_damaged_utf8(data):
            raise DocumentRejectedError(source, problem, hint=_SAVE_AS_UTF8) from error
        return _decoded_otherwise(source, data, known_encoding(declared), problem)
    if b"\x1b$" in data or b"\x1b(J" in data:  # escapes that switch to Japanese: all in ASCII
        return _decoded_iso2022(data) or DecodedText(text, "utf-8")
    return DecodedText(text, "utf-8")


def known_encoding(declared: str) -> str:
    """What decodes a text that says it is encoded so; empty if it is not to be believed."""
    label = declared.strip().lower()
    try:
        return DECODERS.get(codecs.lookup(_OTHER_NAMES.get(label, label)).name, "")
    except (LookupError, ValueError):  # a name with NUL is a ValueError
        return ""


def _decoded_otherwise(source: str, data: bytes, declared: str, problem: str) -> DecodedText:
    """A text that is not Unicode; ``problem`` says why it is not UTF-8."""
    if declared and declared != "utf-8":
        try:
            return DecodedText(data.decode(declared), declared)
        except UnicodeDecodeError as error:
            reason = f"says it is {declared}, but is not at byte {error.start:,} ({error.reason})"
            raise DocumentRejectedError(source, reason, hint=_SAVE_AS_UTF8) from error
    encoding = _detect(data)
    if encoding:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text = ""
        if text and _is_plausible(text):
            return DecodedText(text, encoding, (f"read as {encoding}",))
    raise DocumentRejectedError(
        source,
        f"{problem}, and its encoding cannot be told from its bytes",
        hint=_SAVE_AS_UTF8,
    )


def _detect(data: bytes) -> str:
    """The decoder for what the bytes seem to be; empty if that is not sure enough."""
    # 0BSD, kept, and right where charset-normalizer errs: see docs/formats.md.
    import chardet

    if len(data) > _DETECTED_BYTES:
        data = _telling_part(data)
    guesses = [
        (guess["confidence"], known_encoding(guess["encoding"] or ""))
        for guess in chardet.detect_all(data, ignore_threshold=True, include_encodings=_CANDIDATES)
    ]
    guesses = [guess for guess in guesses if guess[1] and guess[0]]
    if not guesses:
        return ""
    confidence, encoding = guesses[0]
    short = len(data) < _SHORT_BYTES
    if confidence < (_LEAST_CONFIDENCE_IF_SHORT if short else _LEAST_CONFIDENCE):
        return ""
    rivals = [each for score, each in guesses if score >= _TIE * confidence]
    if "cp1252" in rivals:
        return "cp1252"  # a few accents in English text tell nothing: then it is the usual one
    same = data.decode(encoding, "replace")
    return encoding if all(data.decode(each, "replace") == same for each in rivals) else ""


def _telling_part(data: bytes) -> bytes:
    """What is not ASCII, with what stands around it."""
    parts, size, end = [], 0, 0
    for match in _NOT_ASCII.finditer(data):
        start = max(end, match.start() - _AROUND_BYTES)
        end = max(end, min(match.end() + _AROUND_BYTES, start + _DETECTED_BYTES))
        parts.append(data[start:end])
        size += end - start
        if size >= _DETECTED_BYTES:
            break
    return b"".join(parts)


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether there are too many valid sequences for them to be there by chance."""
    text = data.decode(errors="replace")
    invalid = text.count("\ufffd")
    valid = len(text) - len(text.encode("ascii", "ignore")) - invalid
    return 2 * valid >= invalid  # of legacy encodings Japanese ones have most: 0.3 to one


def _is_plausible(text: str) -> bool:
    """Whether all characters are such as texts are written in."""
    odd = {each for each in set(text) if unicodedata.category(each) in _NOT_IN_TEXT}
    return odd <= set("\t\n\v\f\r\x1b\x85\x1a")


def _decoded_iso2022(data: bytes) -> DecodedText | None:
    try:
        return DecodedText(data.decode("iso2022_jp"), "iso2022_jp", ("read as iso2022_jp",))
    except UnicodeDecodeError:
        return None


def _decoded_utf16(source: str, data: bytes) -> DecodedText:
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as error:
        reason = f"not valid UTF-16 at byte {error.start:,} ({error.reason})"
        raise DocumentRejectedError(source, reason, hint=_SAVE_AS_UTF8) from error
    if "\0" in text:
        raise DocumentRejectedError(
            source, "looks binary: it contains NUL characters", hint=_NOT_TEXT
        )
    return DecodedText(text, "utf-16")


def _utf16_without_bom(source: str, data: bytes) -> DecodedText:
    """What contains NUL bytes: text in UTF-16 if it reads well as that, else binary."""
    best, most_ascii = None, -1
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        ascii_characters = len(text.encode("ascii", "ignore"))
        sure = len(data) >= _SURELY_UTF16_BYTES or 2 * ascii_characters > len(text)
        if sure and ascii_characters > most_ascii and _is_plausible(text):
            best = DecodedText(text, encoding, (f"read as {encoding}",))
            most_ascii = ascii_characters
    if best is not None:
        return best
    reason = f"looks binary: NUL byte at offset {data.find(0):,}"
    raise DocumentRejectedError(source, reason, hint=_NOT_TEXT)


def _refuse_binary(source: str, data: bytes) -> None:
    sample = data[:_SAMPLE_BYTES]
    controls = len(sample) - len(sample.translate(None, delete=_CONTROL_CHARACTERS))
    if controls > _CONTROL_SHARE * len(sample):
        reason = "looks binary: many control characters"
        raise DocumentRejectedError(source, reason, hint=_NOT_TEXT)
