"""What leaves the program is made harmless here: credentials are masked, controls are shown.

Documents, file names, archives, servers and the environment are others' words. On a terminal an
escape sequence among them would be obeyed, and a mark of direction would let one thing look like
another; a server or a proxy may say a key back. Whatever a person reads passes :func:`sanitize`,
whatever a program reads :func:`json_bytes`; both by way of ``observe/terminal.py``, the log, the
reports and the pages, and never by a call of the code that has something to say.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import orjson

MASK = "***"
QUOTING = "(its words quote the text)"
"""In place of what a server said of a text, with a part of that text."""

_QUOTED, _STEP = 16, 4
"""Characters in a row that are hardly in two texts by chance; looked for at every fourth."""
_TOO_SHORT = 3
"""Characters of a text that may stand in any sentence."""

_LEAST_SECRET = 6
"""Characters; what is shorter would be found in words that mean something else."""
_SURELY_SECRET = 16
"""From here on it is masked within a longer word as well."""

# Unicode's Default_Ignorable_Code_Point, controls, marks of direction, separators, and halves of
# surrogate pairs; less what ordinary text has for good reasons, which is looked at below.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
"""Persian, the scripts of India and emoji need them; beside Latin, Greek or Cyrillic letters they
only hide."""
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Of the form of what stands before them; a second one, or one after nothing, only hides."""
_NOT_SHOWN = re.compile(
    rf"[{_HIDDEN}]|(?<![^\x00-\u058f{_HIDDEN}{_JOINERS}])[{_JOINERS}]"
    rf"|(?<![^\s{_HIDDEN}{_JOINERS}{_SELECTORS}])[{_SELECTORS}]"
)

_PARAMETERS = ("key", "api_key", "apikey", "token", "access_token", "password", "secret")
_AFTER = "|".join(rf"(?<=[?&;]{name}=)" for name in _PARAMETERS)
_FORMS = (
    # An API key of Google, and how Google quotes one where it says that a consumer is suspended.
    r"AIza[\w-]+",
    r"(?<=api_key:)[^'\"\s]+",
    # The user and the password of a URL, and what its query names as a secret.
    r"(?<=://)[^\s/?#\"'<>\\]+(?=@)",
    rf"(?i:{_AFTER})[^&;#\s\"'<>\\]+",
    r"(?i:(?<=authorization: basic )|(?<=authorization: bearer ))[\w.~+/=-]+",
)
_SECRET_NAME = re.compile(
    # What names a file is no secret itself.
    r"(?!.*_(?:FILE|DIR|PATH)$)\w*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_|$)",
    re.IGNORECASE,
)
_SECRET_HEADER = re.compile(
    r"[\w-]*(?:key|token|secret|passw(?:or)?d|credential|auth|cookie)[\w-]*\s*:\s*"
    r"(?:(?:basic|bearer)\s+)?([^\r\n]+?)\s*(?=$|[\r\n]|;\s*[\w-]+\s*:)",
    re.IGNORECASE,
)
"""In a variable like ``CHROMA_HEADERS``."""
_USER_OF_URL = re.compile(r"(?:[A-Za-z][\w+.-]*://)?([^\s/@][^\s@]*)@[^\s@]+")

_known: set[str] = set()
_secret = re.compile("|".join(_FORMS))


def learn_secrets(variables: Mapping[str, str | None]) -> None:
    """Mask from now on, wherever they turn up, the credentials among these variables.

    They are the values of names like ``GOOGLE_API_KEY`` and the users and passwords of URLs, as
    they are and as a server may say them back.
    """
    global _secret  # noqa: PLW0603 - what is secret is a fact of the process, as its environment is
    _known.update(_secrets_of(variables))
    # The longest first: one may be a part of another.
    spelt = [_exactly(secret) for secret in sorted(_known, key=len, reverse=True)]
    _secret = re.compile("|".join([*spelt, *_FORMS]))


def _secrets_of(variables: Mapping[str, str | None]) -> Iterable[str]:
    for name, value in variables.items():
        if not value:
            continue
        parts = [value.strip()] if _SECRET_NAME.match(name) else []
        if name.upper().endswith("_HEADERS"):
            parts += _SECRET_HEADER.findall(value)
        for user in _USER_OF_URL.findall(value):
            password = user.partition(":")[2]
            parts += [user, password]
            parts += [base64.b64encode(unquote(user).encode(errors="replace")).decode()]
        for part in parts:
            for spelling in (part, unquote(part), quote(part, safe="")):
                if len(spelling) >= _LEAST_SECRET:
                    yield spelling


def _exactly(secret: str) -> str:
    exact = re.escape(secret)
    return exact if len(secret) >= _SURELY_SECRET else rf"(?<!\w){exact}(?!\w)"


def masked(text: str) -> str:
    """The text with ``***`` in place of credentials."""
    return _secret.sub(MASK, text)


def visible(text: str) -> str:
    """The text with what a terminal would obey, or show nothing of, as ``\\x1b`` or ``\\u202e``.

    Line ends and tabs stay, and what letters and emoji of any script are made of.
    """
    if text.isascii() and text.isprintable():
        return text
    return _NOT_SHOWN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def sanitize(text: str) -> str:
    """What a person may be shown of a text that others had a hand in."""
    return visible(masked(text))


def quotes(said: str, texts: Sequence[str]) -> bool:
    """Whether a server's words repeat a part of a text that it was sent, or a short one whole."""
    starts = range(0, len(said) - _QUOTED + 1, _STEP)
    parts = {said[start : start + _QUOTED] for start in starts}
    return any(
        any(part in text for part in parts)
        if len(text) >= _QUOTED
        else len(text) > _TOO_SHORT and text.strip() in said
        for text in texts
    )


def json_bytes(value: Any, *, indent: bool = False, documents: bool = False) -> bytes:
    """JSON, one line or indented, with a line end, that is safe to print.

    Credentials are masked. What a terminal would obey is escaped, as JSON can, so that the data
    stay what they are.

    Args:
        documents: these are documents' own texts, which are not to be changed in any way.
    """
    value = value if documents else _masked_within(value)
    options = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        data = orjson.dumps(value, option=options)
    except orjson.JSONEncodeError:
        # Half a surrogate pair, as a service may have it in its reason. JSON can escape it.
        return f"{json.dumps(value, indent=2 if indent else None)}\n".encode("ascii")
    if data.isascii() and b"\x7f" not in data:
        return data
    return _NOT_SHOWN.sub(lambda match: json.dumps(match[0])[1:-1], data.decode()).encode()


def _masked_within(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: _masked_within(each) for key, each in value.items()}
        case list() | tuple():
            return [_masked_within(each) for each in value]
        case _:
            return value
