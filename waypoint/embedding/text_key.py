"""The name under which a text's vector is committed."""

from __future__ import annotations

import hashlib

from waypoint.models import EmbeddingSpace, TextKey


class TextKeys:
    """Keys of texts in one embedding space."""

    def __init__(self, space: EmbeddingSpace) -> None:
        fields = (space.provider, space.model, str(space.dimensions), space.task_type)
        # A separator that no field can hold keeps two different spaces apart.
        self._prefix = hashlib.sha256("\0".join((*fields, "")).encode())

    def key(self, embedded_text: str) -> TextKey:
        """32 bytes, equal only for the same text as it is sent, in the same space."""
        named = self._prefix.copy()
        named.update(embedded_text.encode())
        return named.digest()
