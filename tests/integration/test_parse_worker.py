"""A process that parses: what it says, and what becomes of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import psutil
import pytest

from tests.support.command import PROJECT
from tests.support.hostile_readers import FORMATS, TEXT
from tests.support.old_sheet import OLD_SHEET
from tests.support.processes import command_line
from tests.support.waiting import wait_until
from tests.unit.formats.test_fuzz import mutated
from waypoint.errors import DocumentRejectedError, ParserUnavailableError
from waypoint.formats.parsing.worker import ParseWorker
from waypoint.formats.parsing.worker_messages import WorkerSetup
from waypoint.formats.read_file import read_documents
from waypoint.models import Document, SourceFile
from waypoint.sources.snapshot import version_of

MIB = 2**20


def setup(*, timeout: float = 30, memory: int = 512 * MIB) -> WorkerSetup:
    return WorkerSetup(10_000, timeout, memory, formats=FORMATS)


@asynccontextmanager
async def running(made: WorkerSetup) -> AsyncIterator[ParseWorker]:
    worker = ParseWorker(made)
    try:
        yield worker
    finally:
        await worker.close()
    assert not processes()


def processes() -> list[psutil.Process]:
    """The parsing processes of this one."""
    children = psutil.Process().children()
    return [
        each for each in children if "waypoint.formats.parsing.worker_main" in command_line(each)
    ]


def put(folder: Path, text: str, name: str = "file.bad") -> SourceFile:
    path = folder / name
    path.write_text(text)
    status = path.stat()
    return SourceFile(name, path, status.st_size, version_of(status))


async def reason(worker: ParseWorker, file: SourceFile) -> str:
    with pytest.raises(DocumentRejectedError) as caught:
        await worker.parse(file)
    assert caught.value.source == file.source
    return caught.value.reason


async def text_of(worker: ParseWorker, file: SourceFile) -> str:
    (document,) = await worker.parse(file)
    assert isinstance(document, Document)
    return document.text


async def test_a_document_is_what_it_would_be_in_this_process(tmp_path: Path) -> None:
    """Field by field, but for the time of reading; one or several, and rejects as well."""
    made = setup()

    def here(file: SourceFile) -> list[Document]:
        read = read_documents(file, registry=made.registry(), max_file_size=10_000)
        return [each for each in read if isinstance(each, Document)]

    async with running(made) as worker:
        for text in ("plain", "records 3"):
            file = put(tmp_path, text)
            for ours, theirs in zip(await worker.parse(file), here(file), strict=True):
                for name in Document.__slots__:
                    assert getattr(ours, name) == getattr(theirs, name), name
        assert "not valid UTF-8" not in await text_of(worker, put(tmp_path, "plain text", "a.txt"))
        (tmp_path / "a.txt").write_bytes(b"\x00\x01")
        with pytest.raises(DocumentRejectedError) as there:
            await worker.parse(SourceFile("a.txt", tmp_path / "a.txt", 2, ""))
        with pytest.raises(DocumentRejectedError) as us:
            here(SourceFile("a.txt", tmp_path / "a.txt", 2, ""))
        assert (there.value.reason, there.value.hint) == (us.value.reason, us.value.hint)
        assert "larger than allowed" in await reason(worker, put(tmp_path, "x" * 10_001))
        assert len(processes()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("segfault", "was killed by SIGSEGV"),
        ("exit 3", "ended with status 3"),
        ("surrogate", "half a surrogate pair"),
    ],
)
async def test_a_death_costs_one_document(tmp_path: Path, text: str, said: str) -> None:
    """Named with its reason; the next file is read by a new process."""
    async with running(setup()) as worker:
        assert said in await reason(worker, put(tmp_path, text))
        assert await text_of(worker, put(tmp_path, "plain")) == TEXT


@pytest.mark.parametrize("text", ["sleep", "backtrack"])
async def test_a_parser_that_takes_for_ever_is_given_up(tmp_path: Path, text: str) -> None:
    """Also where it never comes back to Python; what it says later is heard by nobody."""
    async with running(setup(timeout=1)) as worker:
        assert "did not finish within 1 s" in await reason(worker, put(tmp_path, text))
        assert not processes()
    async with running(setup()) as worker:
        assert await text_of(worker, put(tmp_path, "plain")) == TEXT


async def test_a_process_that_was_killed_from_outside(tmp_path: Path) -> None:
    """By the kernel, if memory was short: once it costs nothing, twice it costs the document."""
    async with running(setup()) as worker:
        await worker.parse(put(tmp_path, "plain"))
        processes()[0].send_signal(signal.SIGKILL)
        assert await text_of(worker, put(tmp_path, "plain")) == TEXT
        assert "was killed by SIGKILL" in await reason(worker, put(tmp_path, "kill"))
        await worker.parse(put(tmp_path, "plain"))
        processes()[0].suspend()
        with anyio.move_on_after(0.5) as scope:
            await worker.parse(put(tmp_path, "plain"))
        assert scope.cancelled_caught
        assert not processes(), "a cancelled parse left its process behind"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not bound what is allocated")
async def test_memory_is_bounded(tmp_path: Path) -> None:
    """A file that needs too much is named; one that meets others' leftovers is tried afresh."""
    async with running(setup(memory=400 * MIB)) as worker:
        said = await reason(worker, put(tmp_path, f"eat {600 * MIB}"))
        assert "needs more than 400 MiB of memory" in said
        for _ in range(4):
            assert await text_of(worker, put(tmp_path, f"eat {150 * MIB}")) == TEXT


async def test_what_a_parser_prints_is_not_taken_for_a_reply(tmp_path: Path) -> None:
    """Nor does it reach the terminal."""
    async with running(setup()) as worker:
        assert await text_of(worker, put(tmp_path, "print")) == TEXT


async def test_a_parser_has_neither_key_nor_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is its own, and so is its session: a Ctrl-C does not reach it."""
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-not-a-real-key")
    async with running(setup()) as worker:
        *names, session = (await text_of(worker, put(tmp_path, "environment"))).split()
        assert "GOOGLE_API_KEY" not in names
        assert int(session) == processes()[0].pid != os.getsid(0)


async def test_a_process_that_cannot_start_is_an_error_that_says_so(tmp_path: Path) -> None:
    """Not a reject of each document."""
    async with running(setup(memory=8 * MIB)) as worker:
        with pytest.raises(ParserUnavailableError, match="does not start") as caught:
            await worker.parse(put(tmp_path, "plain"))
        assert "PARSE_MEMORY" in caught.value.hint


PARENT = """
import anyio, sys
from pathlib import Path
from tests.integration.test_parse_worker import ParseWorker, put, setup
async def main():
    worker = ParseWorker(setup(timeout=float(sys.argv[3])))
    await worker.parse(put(Path(sys.argv[1]), "plain"))
    print("started", flush=True)
    await worker.parse(put(Path(sys.argv[1]), sys.argv[2]))
anyio.run(main)
"""


@pytest.mark.parametrize(("busy", "timeout"), [("sleep", "600"), ("backtrack", "1")])
def test_it_ends_when_its_parent_is_killed(tmp_path: Path, busy: str, timeout: str) -> None:
    """At once, or, where the parser does not come back to Python, when its time is over."""
    command = [sys.executable, "-c", PARENT, str(tmp_path), busy, timeout]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        (child,) = psutil.Process(parent.pid).children()
        wait_until(lambda: (tmp_path / "file.bad").read_text() == busy)
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=20)
    assert not alive


async def test_damaged_workbooks_cost_themselves_alone(tmp_path: Path) -> None:
    """The library of old workbooks ends its process over some; the next file is read all the
    same."""
    made = WorkerSetup(1_000_000, 30, 512 * MIB)
    draw = random.Random(7)
    async with running(made) as worker:
        for _ in range(12):
            damaged = tmp_path / "damaged.xls"
            damaged.write_bytes(mutated(draw, OLD_SHEET))
            with suppress(DocumentRejectedError):
                await worker.parse(SourceFile(damaged.name, damaged, 0, ""))
        whole = tmp_path / "whole.xls"
        whole.write_bytes(OLD_SHEET)
        assert "Bolt, M8" in await text_of(worker, SourceFile(whole.name, whole, 0, ""))
