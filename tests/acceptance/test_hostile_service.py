"""A service that means harm, asked by the real command: soon given up, in little memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.hostile_server import HOSTILE, HostileAnswer, hostile_server

MOST_MEMORY = 250 * 2**20
"""Bytes of a run's process; one that meets nothing odd takes 130 MB."""
MODEL = {"name": "models/gemini-embedding-001", "displayName": "Gemini Embedding 001"}


def as_json(value: object, status: int = 200) -> HostileAnswer:
    return HostileAnswer([json.dumps(value).encode()], status)


def vectors(asked: bytes, **more: object) -> HostileAnswer:
    texts = json.loads(asked)["requests"]
    return as_json({"embeddings": [{"values": [0.1] * 768}] * len(texts), **more})


def refusal(**detail: object) -> HostileAnswer:
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x", "details": [detail]}
    return as_json({"error": error}, 429)


def delay(value: object) -> HostileAnswer:
    return refusal(**{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": value})


def quota(value: object) -> HostileAnswer:
    violation = {"quotaId": "EmbedContentRequestsPerMinutePerUser", "quotaValue": value}
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return refusal(**{"@type": kind, "violations": [violation]})


def ingest(
    folder: Path, call: Callable[[bytes], HostileAnswer], *arguments: str, code: int
) -> tuple[dict[str, object], str]:
    """The report of a run against that service, and what was told."""
    workspace = Workspace(folder)
    write_corpus(workspace.knowledge_base, documents=3, sections=3)

    def answer(method: str, _path: str, asked: bytes) -> HostileAnswer:
        return as_json(MODEL) if method == "GET" else call(asked)

    with hostile_server(answer) as port:
        workspace.use(
            {"GOOGLE_API_KEY": "a-key", "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}"}
        )
        outcome = workspace.run("--json", "--rpm", "0", "--tpm", "0", *arguments)
    assert outcome.code == code, outcome.stderr
    assert "unexpected" not in outcome.stderr
    return outcome.report, outcome.stderr


def also_slow(*values: object) -> list[object]:
    """The first in each run of the tests, the others in the long ones."""
    return [values[0], *(pytest.param(each, marks=pytest.mark.slow) for each in values[1:])]


@pytest.mark.parametrize(
    "harm", also_slow("a bomb", "no end", "a bomb in an error", "deep", "another place")
)
def test_an_answer_that_means_harm(tmp_path: Path, harm: str) -> None:
    """Again and again, until the service is given up."""
    options = ("--give-up-after", "1", "--concurrency", "2")
    report, _ = ingest(tmp_path, lambda _asked: HOSTILE[harm](), *options, code=3)
    assert int(str(report["peak_memory_bytes"])) < MOST_MEMORY


def test_a_delay_of_hours_is_told_and_ends_the_run(tmp_path: Path) -> None:
    """When to come back, too."""
    _, told = ingest(tmp_path, lambda _asked: delay("7200s"), "--give-up-after", "60", code=3)
    assert "asks to wait 2 h 00 min" in told
    assert "run the same command again at" in told


ABSURD = {
    "inf": delay("infs"),
    "nan": delay("nans"),
    "below zero": delay("-5s"),
    "digits": delay("9" * 5000 + "s"),
    "quota below zero": quota("-5"),
    "quota of very much": quota("1e30"),
    "quota beyond 64 bits": quota(10**40),
}


@pytest.mark.parametrize("refused", also_slow(*ABSURD))
def test_an_absurd_refusal_is_one_without_a_word(tmp_path: Path, refused: str) -> None:
    """The run goes on, and ends well."""
    calls = count()
    ingest(tmp_path, lambda asked: vectors(asked) if next(calls) else ABSURD[refused], code=0)


@pytest.mark.parametrize("tokens", also_slow(10**18, -1, -(10**18), 0, 1e300, "7", None))
def test_an_absurd_count_of_tokens_changes_no_bill(tmp_path: Path, tokens: object) -> None:
    """The estimate counts: cost is above zero, and a budget for all is not emptied."""
    usage = {"promptTokenCount": tokens}
    options = ("--max-cost", "0.01", "--batch-size", "2")
    report, _ = ingest(
        tmp_path, lambda asked: vectors(asked, usageMetadata=usage), *options, code=0
    )
    assert 0 < float(str(report["cost_usd"])) < 0.01


@pytest.mark.slow
def test_a_body_that_drips_is_given_up_with_the_call(tmp_path: Path) -> None:
    """However long it would go on."""

    def drip() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.2)

    options = ("--call-timeout", "2", "--give-up-after", "3", "--concurrency", "1")
    _, told = ingest(tmp_path, lambda _asked: HostileAnswer(drip()), *options, code=3)
    assert "no answer within 2 s" in told
