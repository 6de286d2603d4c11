"""From bytes to normalised text."""

from __future__ import annotations

import codecs
import unicodedata

from waypoint.errors import DocumentRejectedError

_SAMPLE_BYTES = 8192
_CONTROL_CHARACTERS = bytes(code for code in range(32) if chr(code) not in "\t\n\v\f\r\x1b")
_CONTROL_SHARE = 0.1

_SAVE_AS_UTF8 = "save the file as UTF-8 (for example: iconv -f ISO-8859-1 -t UTF-8)"


def decode_text(source: str, data: bytes) -> str:
    """Decode UTF-8 (with or without BOM) or UTF-16 (with BOM) and normalise it.

    Raises DocumentRejectedError for anything else: no byte is ever replaced or dropped.
    """
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DocumentRejectedError(source, "encoded as UTF-32", hint=_SAVE_AS_UTF8)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
        _refuse_binary(source, data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        # utf-8-sig counts from behind the BOM.
        bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        raise DocumentRejectedError(
            source,
            f"not valid {name} at byte {error.start + bom:,} ({error.reason})",
            hint=_SAVE_AS_UTF8,
        ) from error
    if "\0" in text:
        raise DocumentRejectedError(
            source,
            "looks binary: it contains NUL characters",
            hint="remove it from the folder, or give it the suffix of its real format",
        )
    return normalise_text(text)


def normalise_text(text: str) -> str:
    """Without leading BOM, with LF line ends, in Unicode's form NFC."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text.lstrip("\ufeff"))


def _refuse_binary(source: str, data: bytes) -> None:
    position = data.find(0)
    sample = data[:_SAMPLE_BYTES]
    controls = len(sample) - len(sample.translate(None, delete=_CONTROL_CHARACTERS))
    if position >= 0:
        reason = f"looks binary: NUL byte at offset {position:,}"
    elif controls > _CONTROL_SHARE * len(sample):
        reason = "looks binary: many control characters"
    else:
        return
    raise DocumentRejectedError(
        source,
        reason,
        hint="if it is text, save it as UTF-8; if not, give it the suffix of its real format",
    )
