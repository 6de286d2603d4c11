"""The lock on a store's folder, between real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.small_disk import small_disk
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


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.symlink_to(path.with_name("precious")),
        lambda path: path.symlink_to(path.with_name("nothing")),
        lambda path: path.symlink_to("/dev/null"),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["link", "link to nothing", "device", "pipe", "folder"],
)
def test_what_lies_in_its_place_is_left_alone(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    """It is neither followed, written nor waited for, but named, with the hint."""
    (tmp_path / "precious").write_text("precious")
    put(tmp_path / LOCK_NAME)
    with pytest.raises(StoreWriteError, match="not a regular file") as caught:
        StoreLock(tmp_path).__enter__()
    assert LOCK_NAME in caught.value.message
    assert "remove it" in caught.value.hint
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "nothing").exists()


def test_a_hard_link_in_its_place_is_locked_and_not_written(tmp_path: Path) -> None:
    """Its content may be somebody else's, and what it says of a holder is not believed."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / LOCK_NAME).hardlink_to(tmp_path / "precious")
    with (
        StoreLock(tmp_path),
        pytest.raises(StoreLockedError, match="another process"),
    ):
        StoreLock(tmp_path).__enter__()
    assert (tmp_path / "precious").read_text() == "precious"


def test_it_keeps_what_was_noted_until_it_is_forgotten(tmp_path: Path) -> None:
    """Also over other holders, and on a disk without room; in a file that does not grow."""
    with small_disk(tmp_path / "disk", size=1 << 20) as disk:
        with StoreLock(disk.folder) as lock:
            disk.leave(0)
            assert lock.note_ended("run 1")
            for number in range(100):
                assert lock.note_ended(f"20261128T145725-{number:06}")
        for _ in range(2):
            with StoreLock(disk.folder) as lock:
                assert lock.ended_runs[-1] == "20261128T145725-000099"
        with StoreLock(disk.folder) as lock:
            lock.note_ended()
        with StoreLock(disk.folder) as lock:
            assert lock.ended_runs == ()


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
    """Before anything else was started."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=30).returncode == 42
