"""The plan: what a run would do and cost, counted as the run will count it."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from tests.support.collection import chunks_of
from tests.support.corpus import section_text, write_corpus
from waypoint.cli.summary import print_plan
from waypoint.embedding.text_key import TextKeys
from waypoint.embedding.tokens import estimate_tokens
from waypoint.errors import UsageError
from waypoint.ingestion import runtime
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.plan import Plan, make_plan
from waypoint.models import EmbeddingSpace
from waypoint.observe.terminal import Terminal
from waypoint.service_day import service_day
from waypoint.settings import QuotaTier, Settings, load_settings
from waypoint.storage.ledger.sqlite import SqliteLedger
from waypoint.storage.lock import StoreLock


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A knowledge base of 12 chunks in the working folder, and no settings around it."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "knowledge_base", documents=3, sections=4)
    return tmp_path


def plan(
    *,
    category: str | None = None,
    simulate: bool = False,
    retry_rejects: bool = False,
    **settings: Any,
) -> Plan:
    """The plan for the working folder."""
    options = IngestOptions(simulate=simulate, category=category, retry_rejects=retry_rejects)
    return runtime.run(make_plan, load_settings(**settings), options)


def test_what_is_to_be_done(folder: Path) -> None:
    """Documents, chunks, texts, tokens, calls and cost of a first run."""
    chunks = chunks_of(folder / "knowledge_base").values()
    tokens = sum(estimate_tokens(chunk.text) for chunk in chunks)
    planned = plan(batch_size=5)
    assert (planned.documents, planned.chunks, planned.texts_to_embed) == (3, 12, 12)
    assert planned.texts_embedded_before == planned.rejected == planned.skipped == 0
    assert planned.tokens_to_embed == tokens
    assert planned.calls == 3
    assert planned.cost_usd == pytest.approx(tokens * 0.15 / 1_000_000)
    assert orjson.loads(planned.to_json())["chunks"] == 12


def test_a_text_is_counted_once_wherever_it_is(folder: Path) -> None:
    """In one document or in several; and rejects and files without a reader are named."""
    base = folder / "knowledge_base"
    same = section_text(random.Random(5), 0)
    (base / "twice.md").write_text(same * 2)
    (base / "once.md").write_text(same)
    (base / "bad.md").write_bytes(b"\x00\xff")
    (base / "program.exe").write_bytes(b"")
    planned = plan()
    assert (planned.chunks, planned.texts_to_embed) == (15, 13)
    assert (planned.rejected, planned.skipped) == (1, 1)
    assert planned.rejects[0]["source"] == "bad.md"


def test_a_category_alone(folder: Path) -> None:
    """The others are not even read; one that does not exist is refused."""
    assert plan(category="category_1").documents == 1
    with pytest.raises(UsageError, match="category_9"):
        plan(category="category_9")


@pytest.mark.parametrize(
    ("limits", "binding", "seconds"),
    [
        ({"quota_rpm": 6, "quota_tpm": 0}, "texts a minute", 120.0),
        ({"quota_rpm": 0, "quota_tpm": 0}, "none", 0.0),
        ({"quota_rpm": 6, "quota_tpm": 0, "quota_rpd": 5}, "texts a day", 172_800.0),
        ({"quota_rpm": 6, "quota_tpm": 0, "quota_rpd": 12}, "texts a minute", 120.0),
        ({"quota_tier": QuotaTier.FREE}, "texts a minute", 7.2),
    ],
    ids=["texts", "none", "day", "a day suffices", "tier"],
)
def test_the_least_time(folder: Path, limits: dict[str, Any], binding: str, seconds: float) -> None:
    """That of the limit that binds, and of none if there is none."""
    planned = plan(**limits)
    assert planned.binding_quota == binding
    assert planned.least_seconds == pytest.approx(seconds)


def test_tokens_may_bind(folder: Path) -> None:
    """Long texts meet the tokens' limit before the texts'."""
    planned = plan(quota_rpm=1_000, quota_tpm=100)
    assert planned.binding_quota == "tokens a minute"
    assert planned.least_seconds == pytest.approx(planned.tokens_to_embed * 0.6)


def test_the_simulator_has_no_quota(folder: Path) -> None:
    """So there is nothing that a run would wait for."""
    assert plan(simulate=True).binding_quota == "none"


def test_nothing_is_written(folder: Path) -> None:
    """Neither store nor logs."""
    plan()
    assert [path.name for path in folder.iterdir()] == ["knowledge_base"]


def test_beside_a_run_the_ledger_is_left_alone(folder: Path) -> None:
    """What it has committed cannot be known then, which is said."""
    (folder / "chroma_db").mkdir()
    (folder / "chroma_db" / "waypoint.sqlite3").write_bytes(b"")
    with StoreLock(folder / "chroma_db"):
        planned = plan()
    assert planned.texts_to_embed == 12
    assert any("in use by process" in notice for notice in planned.notices)


def test_what_the_ledger_knows_is_taken_off(folder: Path) -> None:
    """Committed and refused texts, and those of the day; refusals only until they are retried."""
    chunks = list(chunks_of(folder / "knowledge_base").values())
    space = EmbeddingSpace("gemini", "gemini-embedding-001", 768, "RETRIEVAL_DOCUMENT")
    keys = [TextKeys(space).key(chunk.text) for chunk in chunks]
    (folder / "chroma_db").mkdir()
    with closing(SqliteLedger(folder / "chroma_db")) as ledger:
        vectors = np.ones((3, 768), np.float32)
        day = service_day().isoformat()
        ledger.commit_vectors(space, keys[:3], vectors, tokens=9, cost_usd=0.1, day=day)
        ledger.refuse_text(keys[3], "400")
    before = (folder / "chroma_db" / "waypoint.sqlite3").read_bytes()
    planned = plan(quota_rpm=6, quota_tpm=0, quota_rpd=10)
    assert (planned.texts_embedded_before, planned.texts_refused_before) == (3, 1)
    assert (planned.texts_to_embed, planned.texts_used_today) == (8, 3)
    assert planned.tokens_to_embed == sum(estimate_tokens(chunk.text) for chunk in chunks[4:])
    assert planned.characters_to_embed == sum(len(chunk.text) for chunk in chunks[4:])
    # Of the day's 10 texts 7 are left.
    assert (planned.least_days, planned.binding_quota) == (2, "texts a day")
    assert plan(retry_rejects=True).texts_to_embed == 9
    assert (folder / "chroma_db" / "waypoint.sqlite3").read_bytes() == before


def test_tiers_and_advice_are_in_the_report(folder: Path) -> None:
    """As JSON: each tier's time, and the size that would use texts and tokens alike."""
    planned = orjson.loads(plan(quota_tier=QuotaTier.ONE).to_json())
    assert [tier["tier"] for tier in planned["tiers"]] == ["free", "1", "2", "3"]
    assert planned["tiers"][1]["seconds"] == planned["least_seconds"] == pytest.approx(0.24)
    mean = planned["tokens_to_embed"] / 12
    assert planned["chunk_size_advice"]["present_tokens_per_text"] == pytest.approx(mean, abs=0.1)
    assert planned["chunk_size_advice"]["chunk_size"] == int(600 * 1000 / 3 / mean / 50) * 50
    assert plan(simulate=True).chunk_size_advice is None


def test_an_unknown_quota_is_said(folder: Path) -> None:
    """``auto`` has no figures of its own but those it starts with."""
    assert any("quota is not known" in notice for notice in plan().notices)
    assert not plan(quota_tier=QuotaTier.FREE).notices
    assert not plan(simulate=True).notices


def test_a_plan_in_words(folder: Path) -> None:
    """Everything that is counted, told to a person; days where the day binds."""
    console = Terminal(record=True, width=200)
    print_plan(console, plan(quota_tier=QuotaTier.ONE, quota_rpd=5))
    told = console.export_text()
    assert "time: at least 3 days (limited by texts a day)" in told
    assert "time at each tier" in told
    assert "texts are the bottleneck, and tokens are left over. At 3" in told
    assert "--chunk-size " in told
    assert told.splitlines()[-1].startswith("nothing was written")
