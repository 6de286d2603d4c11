"""What the model takes, and what is said of a chunk's place when it is embedded."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tests.support.structured import DOCUMENTS, build, code, heading, prose, table
from waypoint.chunking import (
    Chunker,
    ChunkingSettings,
    InputLimit,
    SizeUnit,
    context_header,
)
from waypoint.embedding.known_models import DOCUMENT_TASK
from waypoint.embedding.providers import known_model
from waypoint.embedding.tokens import MOST_CHARACTERS_PER_TOKEN, most_tokens
from waypoint.ingestion.chunk_setup import build_chunker
from waypoint.models import Chunk, Document
from waypoint.settings import load_settings

UNHURRIED = profile(deadline=None)

USUAL = ChunkingSettings(600, 90)


def prefixed(text: str, *, context: str) -> str:
    """A context before a text, as gemini-embedding-001 has it."""
    return f"{context}\n\n{text}" if context else text


def limited(tokens: int) -> InputLimit:
    """The limit of a model of few tokens."""
    unit = SizeUnit("most", most_tokens, MOST_CHARACTERS_PER_TOKEN)
    return InputLimit(
        tokens, unit, embedded=prefixed, takes=lambda text: most_tokens(text) <= tokens
    )


def place(chunk: Chunk) -> tuple[int, int]:
    start, end = chunk.metadata["char_start"], chunk.metadata["char_end"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    return start, end


@UNHURRIED
@given(DOCUMENTS, st.integers(60, 120), st.booleans())
def test_the_model_takes_every_chunk_whole(read: Document, tokens: int, headers: bool) -> None:
    """With its context; and the chunks still hold all of the text."""
    settings = ChunkingSettings(300, 30, context_headers=headers)
    limit = limited(tokens)
    plan = Chunker(settings, limit).plan(read)
    covered = before = 0
    for chunk in plan.chunks():
        assert limit.takes(prefixed(chunk.text, context=chunk.context))
        assert len(chunk.text) <= settings.size
        start, end = place(chunk)
        assert chunk.text.endswith(read.text[start:end])
        assert not read.text[covered:start].strip()
        assert end > covered
        assert start > before or before == 0
        covered, before = end, start
    assert not read.text[covered:].strip()
    assert plan.chunks() == Chunker(settings, limit).plan(read).chunks()
    within = Chunker(settings).plan(read)
    if all(limit.takes(prefixed(each.text, context=each.context)) for each in within.chunks()):
        assert plan.split == 0
        assert plan.ids == within.ids
    else:
        assert plan.split > 1


ENGLISH = "the container goes to harbour and customs officers open it because goods are wrong"
CHINESE = "集装箱在鹿特丹港装船两周后到达目的地因为申报单上写错了货物海关打开了它"


@pytest.mark.parametrize("model_name", ["gemini-embedding-001", "gemini-embedding-2"])
@pytest.mark.parametrize("unit", ["characters", "tokens"])
@pytest.mark.parametrize("script", ["English", "Chinese", "digits", "base64"])
def test_the_largest_chunks_are_within_the_limits_of_the_models(
    model_name: str, unit: str, script: str
) -> None:
    """Texts of any script, at the largest size there is, with prefixes and context."""
    rng = random.Random(5)
    words = {
        "English": ENGLISH.split(),
        "Chinese": [CHINESE],
        "digits": ["31415926", "2,71828"],
        "base64": [rng.randbytes(3000).hex()],
    }[script]
    text = "\n\n".join(" ".join(rng.choices(words, k=40)) + "." for _ in range(400))
    read = build([heading(1, "Title"), heading(2, "Part"), prose(text[:200_000])])
    model = known_model(model_name)
    settings = load_settings(
        chunk_size=16_000, chunk_unit=unit, context_headers=True, embedding_model=model_name
    )
    plan = build_chunker(settings, model).plan(read)
    assert plan.count > 3
    for chunk in plan.chunks():
        sent = model.text_to_embed(chunk.text, DOCUMENT_TASK, chunk.context)
        assert "Title > Part" in sent or chunk.metadata["heading_path"] == "Title"
        assert model.takes(sent)
        assert most_tokens(sent) <= model.max_input_tokens


def test_a_table_too_long_for_the_model_keeps_its_header() -> None:
    """Although it would fit into a chunk; its pieces end with rows."""
    rows = [f"| {n} | goods of kind {n} |" for n in range(60)]
    read = build([table("| number | goods |", rows), code([f"line_{n}()" for n in range(60)])])
    plan = Chunker(ChunkingSettings(4000, 0), limited(150)).plan(read)
    tables = [chunk for chunk in plan.chunks() if "|" in chunk.text]
    assert plan.split == plan.count > 6
    assert all(chunk.text.startswith("| number | goods |\n|---|---|\n|") for chunk in tables)
    assert [line for chunk in tables for line in chunk.text.split("\n")[2:]] == rows
    others = [chunk.text for chunk in plan.chunks() if "|" not in chunk.text]
    assert "\n".join(others) == "\n".join(("```", *(f"line_{n}()" for n in range(60)), "```"))


@pytest.mark.parametrize(
    ("title", "path", "header"),
    [
        ("", "", ""),
        ("Guide", "", "Guide"),
        ("", "Part > Sub", "Part > Sub"),
        ("Guide", "Guide > Part", "Guide > Part"),
        ("Guide", "Guide", "Guide"),
        ("Guide", "Guidelines", "Guide > Guidelines"),
        ("Guide", "Part", "Guide > Part"),
        ("a" * 300, "b" * 300, "a" * 199 + "…" + "b" * 200),
    ],
)
def test_a_context_header(title: str, path: str, header: str) -> None:
    """Title and headings, the title once; of a long one its two ends."""
    assert context_header(title, path) == header


def test_a_context_is_part_of_an_id_and_not_of_the_text() -> None:
    """For an id's vector never changes, and another context is another vector."""
    parts = [heading(1, "Ships"), heading(2, "Masts"), prose("They are high. " * 60)]
    with_context = Chunker(replace(USUAL, context_headers=True))
    plain, told, renamed = (
        chunker.plan(build(parts, title=title))
        for chunker, title in (
            (Chunker(USUAL), "Fleet"),
            (with_context, "Fleet"),
            (with_context, "Navy"),
        )
    )
    assert [chunk.text for chunk in plain.chunks()] == [chunk.text for chunk in told.chunks()]
    assert {chunk.context for chunk in plain.chunks()} == {""}
    assert [chunk.context for chunk in told.chunks()] == [
        "Fleet > Ships",
        "Fleet > Ships > Masts",
    ]
    assert not set(plain.ids) & set(told.ids)
    assert not set(renamed.ids) & set(told.ids)
    assert Chunker(USUAL).plan(build(parts, title="Navy")).ids == plain.ids


def test_fingerprints_name_unit_and_context() -> None:
    """Each of them makes other chunks, or other vectors."""
    fingerprints = [
        build_chunker(load_settings(**options), known_model("gemini-embedding-001"))
        .settings.fingerprint()
        .removeprefix("sections-3/600/90/")
        for options in ({}, {"chunk_unit": "tokens"}, {"context_headers": True})
    ]
    assert fingerprints == ["characters", "tokens-gemma-1", "characters/context"]


def test_a_chunker_can_be_sent_to_another_process() -> None:
    """Where it gives the same chunks."""
    read = build([heading(1, "Ships"), prose("They are high. " * 60)])
    for options in ({}, {"chunk_unit": "tokens", "chunk_size": 100, "context_headers": True}):
        chunker = build_chunker(load_settings(**options), known_model("gemini-embedding-001"))
        assert (
            pickle.loads(pickle.dumps(chunker)).plan(read).chunks() == chunker.plan(read).chunks()
        )
