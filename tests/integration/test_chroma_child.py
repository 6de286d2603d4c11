"""The life and death of the private Chroma server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest

import waypoint.storage.chroma.chroma_server
from tests.support.waiting import wait_until
from waypoint.errors import StoreLockedError, StoreUnavailableError
from waypoint.models import Chunk, EmbeddingSpace
from waypoint.observe.events import Event, EventBus, StoreRetried
from waypoint.settings import ChromaAddress
from waypoint.storage.chroma import child as chroma_child
from waypoint.storage.chroma.child import HOST, LOG_NAME, ChromaChild, run_chroma_child
from waypoint.storage.chroma.opening import EmbeddedStore
from waypoint.storage.chroma.store import ChromaStore, open_chroma
from waypoint.storage.lock import StoreLock

SPACE = EmbeddingSpace("simulator", "gemini-embedding-001", 4, "RETRIEVAL_DOCUMENT")


@asynccontextmanager
async def serving(
    folder: Path, events: list[Event] | None = None
) -> AsyncIterator[tuple[ChromaChild, ChromaStore]]:
    """A private server with a collection, as a run has it."""
    bus = EventBus()
    if events is not None:
        bus.subscribe(events.append)
    with StoreLock(folder) as lock:
        async with (
            run_chroma_child(folder, folder, lock.descriptor) as child,
            open_chroma(
                ChromaAddress(HOST, child.port), bus, revive=child.revive, give_up_after=20
            ) as store,
        ):
            await store.create("kb1", SPACE, {"schema": 1})
            yield child, store


async def write(store: ChromaStore, *numbers: int) -> None:
    """Write a chunk for each number."""
    chunks = [Chunk(f"a:{number}", "a", f"text {number}", {"source": "a"}) for number in numbers]
    vectors = np.random.default_rng(1).normal(size=(len(chunks), 4)).astype(np.float32)
    await store.upsert(await store.pack(chunks, vectors))


def listens(port: int) -> bool:
    """Whether someone accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def end(child: ChromaChild, number: signal.Signals) -> None:
    """Let a server die, and return when nobody listens any more."""
    os.kill(child.pid, number)
    wait_until(lambda: not listens(child.port), timeout=30)


def is_locked(folder: Path) -> bool:
    """Whether the folder's lock is held by anyone."""
    try:
        with StoreLock(folder):
            return False
    except StoreLockedError:
        return True


async def test_it_lives_as_long_as_its_context(tmp_path: Path) -> None:
    """On loopback, and what it has to say is in its log."""
    async with serving(tmp_path) as (child, store):
        assert listens(child.port)
        await write(store, 1)
    assert not listens(child.port)
    assert not is_locked(tmp_path)
    log = (tmp_path / LOG_NAME).read_text()
    assert f"{HOST}:{child.port}" in log
    assert "SIGTERM" in log


async def test_it_is_out_of_a_terminals_reach(tmp_path: Path) -> None:
    """Ctrl-C goes to a session; the server's is its own."""
    async with serving(tmp_path) as (child, _):
        assert os.getsid(child.pid) == child.pid != os.getsid(0)


async def test_the_folder_is_locked_until_it_is_gone(tmp_path: Path) -> None:
    """Also when the process that took the lock has let go of it."""
    with StoreLock(tmp_path) as lock:
        context = run_chroma_child(tmp_path, tmp_path, lock.descriptor)
        await context.__aenter__()
    assert is_locked(tmp_path)
    await context.__aexit__(None, None, None)
    assert not is_locked(tmp_path)


async def test_what_was_written_is_there_the_next_time(tmp_path: Path) -> None:
    """Its end harms nothing."""
    async with serving(tmp_path) as (_, store):
        await write(store, *range(500))
    async with serving(tmp_path) as (_, store):
        assert await store.count() == 500


def test_it_ends_with_its_standard_input(tmp_path: Path) -> None:
    """By SIGTERM, which harms no store."""
    ready, told = os.pipe()
    script = waypoint.storage.chroma.chroma_server.__file__
    with subprocess.Popen(
        [sys.executable, "-P", script, str(tmp_path), HOST, "0", str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=(told,),
    ) as process:
        os.close(told)
        with os.fdopen(ready) as lines:
            assert listens(int(lines.read()))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) in (0, -signal.SIGTERM)


PARENT = """
import sys
from pathlib import Path
import anyio
from waypoint.storage.chroma.child import run_chroma_child
from waypoint.storage.lock import StoreLock

async def main():
    folder = Path(sys.argv[1])
    with StoreLock(folder) as lock:
        async with run_chroma_child(folder, folder, lock.descriptor) as child:
            print(child.port, flush=True)
            await anyio.sleep_forever()

anyio.run(main)
"""


def test_it_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """However that dies; and until it is gone, nobody else gets the folder."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    wait_until(lambda: not is_locked(tmp_path), timeout=30)
    assert not listens(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_run_goes_on_when_it_dies(tmp_path: Path, number: signal.Signals) -> None:
    """It is started once more, and whoever was writing or reading tries again."""
    events: list[Event] = []
    async with serving(tmp_path, events) as (child, store):
        await write(store, *range(10))
        first = child.pid
        end(child, number)
        async with anyio.create_task_group() as group:
            for start in range(10, 50, 10):
                group.start_soon(write, store, *range(start, start + 10))
                group.start_soon(store.ids_of, "a")
        assert child.pid != first
        assert await store.count() == 50
        assert is_locked(tmp_path)
    assert [event for event in events if isinstance(event, StoreRetried)]


async def test_it_is_not_started_for_ever(tmp_path: Path) -> None:
    """A second death in a run is final, and its log is named."""
    async with serving(tmp_path) as (child, store):
        end(child, signal.SIGKILL)
        assert await store.count() == 0
        end(child, signal.SIGKILL)
        with pytest.raises(StoreUnavailableError, match="ended") as caught:
            await store.count()
    assert LOG_NAME in caught.value.hint


async def test_a_living_server_is_not_revived(tmp_path: Path) -> None:
    """A connection may break for other reasons."""
    async with serving(tmp_path) as (child, _):
        pid = child.pid
        assert not await child.revive()
        assert child.pid == pid


async def test_a_server_that_cannot_start_is_told(tmp_path: Path) -> None:
    """At once, with where to read why."""
    (tmp_path / "chroma.sqlite3").write_bytes(b"not a database" * 1_000)
    with (
        StoreLock(tmp_path) as lock,
        anyio.fail_after(30),
        pytest.raises(StoreUnavailableError) as caught,
    ):
        async with run_chroma_child(tmp_path, tmp_path, lock.descriptor):
            pass
    assert LOG_NAME in caught.value.hint
    assert (tmp_path / LOG_NAME).read_text()


async def test_a_server_that_takes_long_to_start_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not tried again, and its files stay where they are."""
    async with serving(tmp_path) as (_, store):
        await write(store, *range(10))
    monkeypatch.setattr(chroma_child, "START_TIMEOUT", 0.001)
    with StoreLock(tmp_path) as lock:
        async with run_chroma_child(tmp_path, tmp_path, lock.descriptor, started=False) as child:
            with pytest.raises(StoreUnavailableError, match=r"did not listen within 0\.001 s"):
                await EmbeddedStore(tmp_path, child, EventBus()).start()
    assert (tmp_path / "chroma.sqlite3").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("quarantine-")]  # noqa: PTH208


async def test_another_program_on_its_port_is_never_taken_for_it(tmp_path: Path) -> None:
    """Whoever gets the port of a server that died, the chunks would go to them."""

    async def revive(child: ChromaChild) -> None:
        with anyio.fail_after(30):
            while not await child.revive():  # its end is yet to be noticed
                pass

    async with serving(tmp_path) as (child, _):
        end(child, signal.SIGKILL)
        with socket.create_server((HOST, child.port)) as other:
            with pytest.raises(StoreUnavailableError, match="ended") as caught:
                await revive(child)
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.accept()
    assert LOG_NAME in caught.value.hint


async def test_a_server_that_does_not_end_gets_none_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two over the same files would wreck them, and its files are not moved from under it."""
    async with serving(tmp_path) as (child, store):
        await write(store, *range(10))
        first = child.pid
        os.kill(first, signal.SIGSTOP)
        monkeypatch.setattr(chroma_child, "STOP_TIMEOUT", 0.1)
        for again in (child.restart, child.start, EmbeddedStore(tmp_path, child, EventBus()).start):
            with pytest.raises(StoreUnavailableError, match=f"process {first}") as caught:
                await again()
            assert LOG_NAME in caught.value.hint
        assert (tmp_path / "chroma.sqlite3").exists()
        assert child.pid == first
        monkeypatch.undo()
        os.kill(first, signal.SIGCONT)
