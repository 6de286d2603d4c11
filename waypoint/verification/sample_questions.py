"""The sample knowledge base that comes with the program, and its questions."""

from __future__ import annotations

from pathlib import Path

import waypoint

_EXAMPLES = Path(waypoint.__file__).parent.parent / "examples"


def sample_questions(folder: Path | None) -> Path | None:
    """The sample's questions, if the folder is the sample; of another one they'd say nothing."""
    questions = _EXAMPLES / "queries.yaml"
    if folder is None or not questions.exists():
        return None
    return questions if folder.resolve() == (_EXAMPLES / "knowledge_base").resolve() else None
