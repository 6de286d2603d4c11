"""The keys of texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from waypoint.embedding.text_key import TextKeys
from waypoint.models import EmbeddingSpace

SPACE = EmbeddingSpace("gemini", "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT")


def test_the_key_of_a_text_never_changes() -> None:
    """Another value would make every user embed everything again."""
    key = TextKeys(SPACE).key("The Port of Rotterdam")
    assert key.hex() == "3c6448bbe888fb50c19436c0f88e96fd2ad306727beb10ce7b7eb0813fc1cb8c"


def test_each_field_of_the_space_makes_another_key() -> None:
    """What one space has embedded is never taken for another's."""
    spaces = [
        EmbeddingSpace(*fields)
        for fields in product(
            ("gemini", "simulator"),
            ("gemini-embedding-001", "gemini-embedding-2"),
            (768, 1536),
            ("RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"),
        )
    ]
    assert len({TextKeys(space).key("a text") for space in spaces}) == 16


def test_fields_do_not_run_into_each_other() -> None:
    """Nor into the text."""
    moved = [
        replace(SPACE, provider="gemini1", dimensions=68),
        replace(SPACE, dimensions=7, task_type="68RETRIEVAL_DOCUMENT"),
        replace(SPACE, task_type="RETRIEVAL_DOCUMENTa"),
    ]
    keys = [TextKeys(SPACE).key("a text"), *(TextKeys(space).key("a text") for space in moved)]
    keys.append(TextKeys(moved[2]).key(" text"))
    assert len(set(keys)) == len(keys)


@given(st.lists(st.text(), unique=True, max_size=20))
def test_texts_have_keys_of_their_own(texts: list[str]) -> None:
    """32 bytes each, whatever was asked before."""
    keys = TextKeys(SPACE)
    made = [keys.key(text) for text in texts]
    assert len(set(made)) == len(texts)
    assert all(len(key) == 32 for key in made)
    assert made == [TextKeys(SPACE).key(text) for text in texts]
