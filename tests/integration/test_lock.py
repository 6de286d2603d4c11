"""The lock on a store's folder, between real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from waypoint.errors import StoreLockedError, StoreWriteError
from waypoint.storage.lock import LOCK_NAME, StoreLock

HOLD = """
import sys
from pathlib import Path
from waypoint.storage.lock import StoreLock
with StoreLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    """By its process, its host and its start."""
    with holder(tmp_path) as process:
        with pytest.raises(StoreLockedError) as caught, StoreLock(tmp_path):
            pass
        message = str(caught.value)
        assert f"process {process.pid} on {socket.gethostname()}, running since " in message
        started = datetime.fromisoformat(message.rpartition(" ")[2])
        assert datetime.now(UTC) - started < timedelta(minutes=1)
        assert caught.value.hint


def test_it_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    """A lock file that is left behind holds nobody up."""
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with StoreLock(tmp_path):
            assert (tmp_path / LOCK_NAME).exists()


def test_it_is_free_again_after_its_context(tmp_path: Path) -> None:
    """And holds within one process, too."""
    lock = StoreLock(tmp_path / "made" / "on the way")
    with lock:
        assert os.fstat(lock.descriptor)
        with pytest.raises(StoreLockedError, match=f"process {os.getpid()} "):
            StoreLock(tmp_path / "made" / "on the way").__enter__()
    with lock:
        pass


def test_an_inherited_descriptor_keeps_it(tmp_path: Path) -> None:
    """The private server's, which may outlive the process that took the lock."""
    with StoreLock(tmp_path) as lock:
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            pass_fds=(lock.descriptor,),
        )
    with child:
        assert child.stdin is not None
        with pytest.raises(StoreLockedError), StoreLock(tmp_path):
            pass
        child.stdin.close()
        child.wait(10)
        with StoreLock(tmp_path):
            pass


def test_other_children_do_not_inherit_it(tmp_path: Path) -> None:
    """A child that is not meant to guard the folder does not keep it locked."""
    with StoreLock(tmp_path):
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        with StoreLock(tmp_path):
            pass
        child.stdin.close()


@pytest.mark.parametrize("content", [b"", b"[]", b"not JSON", b'{"pid": 1}'])
def test_a_holder_that_has_not_said_who_it_is_holds_it_too(tmp_path: Path, content: bytes) -> None:
    """Between its lock and its first write, or with words we do not know."""
    with StoreLock(tmp_path):
        (tmp_path / LOCK_NAME).write_bytes(content)
        with pytest.raises(StoreLockedError, match="another process"):
            StoreLock(tmp_path).__enter__()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreWriteError) as caught, StoreLock(tmp_path / "file" / "folder"):
        pass
    assert "CHROMA_PERSIST_PATH" in caught.value.hint


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from waypoint.errors import StoreWriteError
from waypoint.storage.lock import StoreLock
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    StoreLock(Path(sys.argv[1])).__enter__()
except StoreWriteError:
    sys.exit(42)
"""


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Before anything else was begun."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=30).returncode == 42
