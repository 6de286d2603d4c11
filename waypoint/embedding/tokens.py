"""Estimates of a text's tokens, for the quota and the bill.

gemini-embedding-001 tells no counts, so we estimate: about four characters a token for
alphabetic text, one token a character for Chinese, Japanese and Korean.
"""

from __future__ import annotations

import re

CHARACTERS_PER_TOKEN = 4
_WIDE = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def estimate_tokens(text: str) -> int:
    """Tokens of ``text``, rounded up; at least 1."""
    if text.isascii():
        return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))
    wide = len(_WIDE.findall(text))
    return max(1, wide + -(-(len(text) - wide) // CHARACTERS_PER_TOKEN))
