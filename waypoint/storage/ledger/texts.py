"""What is known of a text before it is sent."""

from __future__ import annotations

from collections.abc import Sequence

from waypoint.models import TextKey
from waypoint.storage.ledger.records import KnownTexts
from waypoint.storage.ledger.refused import RefusedTexts
from waypoint.storage.ledger.vectors import CommittedVectors


class Texts(CommittedVectors, RefusedTexts):
    """Both at once: each visit to the ledger's thread costs as much as its questions."""

    def known_texts(self, keys: Sequence[TextKey]) -> KnownTexts:
        """Which of the texts are committed, and which others the service has refused.

        Raises:
            LedgerDamagedError: as :meth:`CommittedVectors.committed_vectors`.
        """
        committed = self.committed_vectors(keys)
        others = [key for key in keys if key not in committed]
        return KnownTexts(committed, self.refused_texts(others))
