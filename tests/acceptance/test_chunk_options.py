"""Chunks in other units and sizes, and context headers: what is embedded, stored and refused."""

from __future__ import annotations

from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.fixtures import simulator_fixture, workspace_fixture
from waypoint.embedding.tokens import estimate_tokens, most_tokens

simulator = simulator_fixture("module")


workspace = workspace_fixture(documents=3, sections=4)
"""A knowledge base of 12 chunks, each with a heading of its own."""


def assert_whole(workspace: Workspace) -> None:
    """Texts as they are in the documents, vectors of the texts with their context."""
    assert_holds(
        read_embedded(workspace.store, workspace.logs),
        chunks_of(workspace.knowledge_base, context_headers=True),
    )


def test_context_headers_are_embedded_and_not_stored(workspace: Workspace) -> None:
    """They are part of the recipe; a changed title is a new vector, and a lost ledger is none."""
    assert workspace.report_of("--context-headers")["texts_embedded"] == 12
    assert_whole(workspace)

    refused = workspace.run()
    assert refused.code == 2
    assert "'sections-3/600/90/characters/context' there" in refused.stderr
    assert "--clear" in refused.stderr

    (workspace.store / "waypoint.sqlite3").unlink()
    workspace.use({"CONTEXT_HEADERS": "true"})
    assert workspace.report_of()["texts_embedded"] == 0
    assert_whole(workspace)

    document = workspace.knowledge_base / "category_0" / "document_000.md"
    document.write_text(document.read_text().replace("---\n", "---\ntitle: Another\n", 1))
    assert workspace.report_of()["texts_embedded"] == 4
    assert_whole(workspace)

    assert workspace.report_of("--no-context-headers", "--clear")["texts_embedded"] == 12
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )


def test_no_text_beyond_the_models_limit_is_sent(workspace: Workspace) -> None:
    """What would be, is split; the report and the summary say so, and so does the plan."""
    (workspace.knowledge_base / "en.md").write_text("The ship goes to the harbour. " * 900)
    (workspace.knowledge_base / "zh.md").write_text("货物在港口装船。" * 1500)
    plan = workspace.report_of("--chunk-size", "16000", "--dry-run")
    outcome = workspace.run("--chunk-size", "16000", "--json")
    assert outcome.code == 0
    split = outcome.report["chunks"]["split"]
    assert split == plan["chunks_split"] == outcome.report["chunks"]["cut"] - 3 > 8
    assert plan["texts_to_embed"] == outcome.report["texts_embedded"]
    notice = f"{split} chunks are parts of texts that might have exceeded the 2,048 tokens"
    assert notice in outcome.stderr
    assert any(notice in each for each in plan["notices"])
    records = read_embedded(workspace.store, workspace.logs).records.values()
    assert max(most_tokens(record.text) for record in records) <= 2048
    assert max(len(record.text) for record in records) > 5000


def test_chunks_are_measured_in_tokens(workspace: Workspace) -> None:
    """None has more than were asked for, and few have much less."""
    workspace.use({"CHUNK_UNIT": "tokens", "CHUNK_OVERLAP": "5"})
    report = workspace.report_of("--chunk-size", "50")
    assert report["chunks"]["added"] > 20
    collection = read_embedded(workspace.store, workspace.logs)
    sizes = sorted(estimate_tokens(record.text) for record in collection.records.values())
    assert sizes[-1] <= 50
    assert sizes[len(sizes) // 2] > 40
    assert collection.metadata["waypoint_chunking"] == "sections-3/50/5/tokens-gemma-1"
