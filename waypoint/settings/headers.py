"""HTTP headers that a setting holds: ``Name: value``, a line each or separated by ``;``."""

from __future__ import annotations

import re

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SEPARATOR = re.compile(rf"[\r\n]+|;(?=\s*{_NAME}\s*:)")
"""A ``;`` that no name follows belongs to the value, as in a cookie."""
_HEADER = re.compile(rf"({_NAME})\s*:\s*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)")
_OURS = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "content-type",
     "transfer-encoding"}
)  # fmt: skip
"""What the HTTP client says itself: another value would break the call."""


def parse_headers(setting: str) -> dict[str, str]:
    """Values by name.

    Raises:
        ValueError: a line is no header, or one that is not to be given. No value is told: it may
            be a secret.
    """
    headers: dict[str, str] = {}
    lines = [line.strip() for line in _SEPARATOR.split(setting)]
    for number, line in enumerate((line for line in lines if line), start=1):
        header = _HEADER.fullmatch(line.rstrip(";").rstrip())
        if header is None:
            raise ValueError(
                f"header {number} is not of the form 'Name: value' in printable ASCII; several are "
                "separated by line ends or ;"
            )
        if header[1].lower() in _OURS:
            raise ValueError(f"the header {header[1]} is not to be set")
        headers[header[1]] = header[2]
    return headers
