"""Source code and configuration: all of it is body."""

from __future__ import annotations

import re

from waypoint.formats.registry import ParsedDocument
from waypoint.formats.text.normalised import read_text

_CODING = re.compile(rb"(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
"""As PEP 263 has it for Python, and Emacs and Vim for other languages: in the first two lines."""


class CodeReader:
    """Reads source code. An encoding that its first lines declare is believed."""

    def read(self, source: str, data: bytes) -> ParsedDocument:
        declared = _CODING.match(data)
        label = declared[1].decode("ascii", "ignore") if declared else ""
        decoded = read_text(source, data, declared=label)
        return ParsedDocument(decoded.text, warnings=decoded.warnings, encoding=decoded.encoding)
