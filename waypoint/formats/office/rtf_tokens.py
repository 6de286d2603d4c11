"""The words of RTF: groups, control words, bytes and characters, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})?[ ]?"
    rb"|\\'([0-9a-fA-F]{2})"
    rb"|\\([^a-zA-Z'])"
    rb"|([{}])"
    rb"|([^\\{}\r\n]+)"
    rb"|[\r\n\\']",
    re.DOTALL,
)
CODE_PAGES = {
    0: "cp1252",
    1: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    255: "cp437",
}
"""By the charset of a font."""
SYMBOL_CHARSET = 2
SIGNS = {
    "tab": "\t",
    "line": "\n",
    "lbr": "\n",
    "emdash": "\u2014",
    "endash": "\u2013",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "bullet": "\u2022",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
    "nestcell": " | ",
    "nestrow": "\n",
    "mden": "/",
}
SYMBOLS = {"~": "\u00a0", "_": "-", "\n": "\n", "\r": "\n", "\t": "\t"}
SILENT = frozenset(
    (
        *("colortbl", "listtable", "listoverridetable", "revtbl", "generator", "themedata"),
        *("colorschememapping", "latentstyles", "datastore", "rsidtbl", "xmlnstbl", "nonshppict"),
        *("fldinst", "xe", "tc", "bkmkstart", "bkmkend", "objdata", "shprslt", "pn", "upr"),
        *("sp", "operator", "filetbl", "ffname", "ffhelptext", "ffstattext", "ffformat", "ffl"),
        *("mmathPr", "background", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "rxe", "txe"),
        *("creatim", "revtim", "printim", "buptim", "atrfstart", "atrfend", "atndate", "atnref"),
        *("list", "listlevel", "leveltext", "levelnumbers", "listname", "listoverride", "lfolevel"),
        *("panose", "falt", "nonesttables", "blipuid", "picprop", "mpr", "mrPr", "mctrlPr"),
    )
)
"""Groups of which nothing is on the page."""
STARRED = frozenset(
    ("shpinst", "shppict", "moMath", "moMathPara", "formfield", "ud", "annotation", "footnote")
)
"""Groups that programs may pass over, and that are read all the same."""
FIELDS = {"title": "title", "author": "author", "subject": "subject", "keywords": "keywords"}
MARGINS = frozenset(
    f"{kind}{page}" for kind in ("header", "footer") for page in ("", "l", "r", "f")
)


@dataclass(frozen=True, slots=True)
class Token:
    """``word`` with its number, ``sign`` for a control symbol, ``open`` and ``close`` of a group,
    ``bytes`` of text."""

    kind: Literal["word", "sign", "open", "close", "bytes"]
    word: str = ""
    number: int | None = None
    content: bytes = b""


def tokens(data: bytes) -> Iterator[Token]:
    """Of the whole file; what a picture holds as bytes is passed over."""
    place = 0
    while match := _TOKEN.match(data, place):
        place = match.end()
        word, number, byte, sign, brace, text = match.groups()
        if word is not None:
            value = None if number is None else int(number)
            if word == b"bin":
                place += max(0, value or 0)
            yield Token("word", word.decode(), value)
        elif byte is not None:
            yield Token("bytes", content=bytes([int(byte, 16)]))
        elif text is not None:
            yield Token("bytes", content=text)
        elif brace is not None:
            yield Token("open" if brace == b"{" else "close")
        elif sign is not None:
            yield Token("sign", sign.decode("latin-1"))
