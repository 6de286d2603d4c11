"""Chunk ids, which come from content: the same chunk has the same id in every run."""

from __future__ import annotations

import hashlib

_DIGITS = 16
_MOST_OCCURRENCES = 1_000


class ContentName:
    """What a chunk's source, stored text and context come to; its occurrence makes it an id."""

    def __init__(self, source: str, text: str, context: str) -> None:
        self._hash = hashlib.sha256(
            _length_prefixed(source.encode()) + _length_prefixed(text.encode())
        )
        if context:
            # An id's vector never changes: another context is another vector.
            self._hash.update(_length_prefixed(context.encode()))

    @property
    def digest(self) -> bytes:
        """Equal for chunks of a document with the same text and context."""
        return self._hash.digest()

    def digits(self, occurrence: int) -> str:
        """The last part of an id.

        ``occurrence``: how often the same came before in its document.
        """
        named = self._hash.copy()
        named.update(_length_prefixed(str(occurrence).encode()))
        return named.hexdigest()[:_DIGITS]


def is_named_after(chunk_id: str, source: str, text: str, context: str) -> bool:
    """Whether an id was made for that text: not if somebody changed the text since."""
    digits, name = chunk_id.rpartition(":")[2], ContentName(source, text, context)
    return any(digits == name.digits(nth) for nth in range(_MOST_OCCURRENCES))


def _length_prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data
