"""Runs of the real command whose every change of a file can be made to fail."""

from __future__ import annotations

import errno
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import orjson

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import SCRIPT, Outcome, Workspace
from tests.support.corpus import document_text, write_corpus
from tests.support.fault import Fault, class_of
from tests.support.faulty_mount import FaultyMount, faulty_mount

Site: TypeAlias = tuple[str, str, int]
"""Class of the file, operation, and which one of them."""

Stack: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Class, operation, and who called whom, innermost first."""

Start: TypeAlias = Literal[
    "a first run",
    "a first run over a large folder",
    "a run over an edited folder",
    "a run with --clear",
    "a run over a broken ledger",
    "a run over a broken store",
]
"""What a run finds. A large folder is one whose vectors are too many for the ledger's log, and for
what Chroma keeps of an index in memory."""
STARTS: Sequence[Start] = get_args(Start)

_BROKEN: Mapping[Start, str] = {
    "a run over a broken ledger": "waypoint.sqlite3",
    "a run over a broken store": "chroma.sqlite3",
}

CONCURRENCY, BATCH = 2, 4
OPTIONS = ("--json", "--concurrency", str(CONCURRENCY), "--batch-size", str(BATCH))

RUN_TIMEOUT = 500.0
"""Seconds; a Chroma that stands still after an error of its disk is asked for 120 s, twice."""

ANY = ("open", "mkdir", "rename", "unlink", "write", "truncate", "fallocate", "fsync")
KINDS: Mapping[str, tuple[int, str, Sequence[str]]] = {
    "no space": (errno.ENOSPC, "once", ("open", "mkdir", "rename", "write", "fallocate", "fsync")),
    "full disk": (errno.ENOSPC, "full", ("open", "mkdir", "write", "fallocate")),
    "quota": (errno.EDQUOT, "once", ("open", "mkdir", "write", "fallocate", "fsync")),
    "I/O error": (errno.EIO, "once", ANY),
    "bad file": (errno.EIO, "file", ANY),
    "denied": (errno.EACCES, "once", ("open", "mkdir", "rename", "unlink")),
    "read-only": (errno.EROFS, "read-only", ANY),
    "short write": (0, "once", ("write",)),
    "interrupted": (errno.EINTR, "once", ("write",)),
}
"""Error, scope, and the operations that can fail so."""

_CALLS = {
    "openat": "open",
    "mkdir": "mkdir",
    "rename": "rename",
    "unlink": "unlink",
    "write": "write",
    "pwrite64": "write",
    "ftruncate": "truncate",
    "fallocate": "fallocate",
    "fsync": "fsync",
    "fdatasync": "fsync",
}
_BUG = re.compile(r"Traceback \(most recent|unexpected |defect of Waypoint|bug in Waypoint")


def faults_at(site: Site) -> dict[str, Fault]:
    """All that can go wrong there, by name."""
    target, operation, nth = site
    return {
        name: Fault(target, operation, nth, number, scope)
        for name, (number, scope, operations) in KINDS.items()
        if operation in operations
    }


@dataclass(frozen=True, slots=True)
class Struck:
    """A run that met faults."""

    outcome: Outcome
    met: list[bool]
    answered: int
    """Texts, by the simulator."""
    report: dict[str, Any] | None
    """From stdout or, if that failed, from its file; None if that failed as well."""

    @property
    def may_repeat(self) -> int:
        """Texts that it says were answered, or may have been, and are not saved."""
        if self.report is None:
            return CONCURRENCY * BATCH
        lost: int = self.report["texts_lost"] + self.report["in_flight_at_end"]
        return lost

    def complaints(self) -> Iterator[str]:
        """What it did not do as it should."""
        if self.outcome.code not in (0, 3):
            yield f"exit code {self.outcome.code}"
        if found := _BUG.search(self.outcome.stderr):
            yield f"says {found[0]!r}"
        if self.outcome.code == 3 and "error: " not in self.outcome.stderr:
            yield "says no error"
        if self.report is not None:
            told = self.report["texts_embedded"] + self.may_repeat
            if not self.report["texts_embedded"] <= self.answered <= told:
                yield f"{self.answered} texts were answered, it tells of {told}"


class FaultBench:
    """A knowledge base, a simulator, and a store with logs and temporaries on a faulty disk."""

    def __init__(self, folder: Path, disk: FaultyMount, simulator: BackgroundSimulator) -> None:
        self._disk = disk
        self._simulator = simulator
        self._folder = folder
        self._prepared = folder / "prepared"
        self._bought: set[str] = set()
        """Texts, by their digests, that a run had answered before."""
        self._start: Start = STARTS[0]
        self.workspace = Workspace(folder)
        self.workspace.store = disk.folder / "chroma_db"
        self.workspace.logs = disk.folder / "logs"
        write_corpus(self.workspace.knowledge_base, documents=3, sections=4)
        self.workspace.use(simulator.environment)
        self.workspace.use(
            {
                "CHROMA_PERSIST_PATH": str(self.workspace.store),
                "LOG_DIR": str(self.workspace.logs),
                "TMPDIR": str(disk.folder / "temporary"),
                "STATS_INTERVAL": "0.2",
                "CHROMA_GIVE_UP_AFTER": "2",
            }
        )

    def start_over(self, start: Start) -> None:
        """An empty disk; or what a run left there, and what came to pass since."""
        self._disk.plan()
        for path in self._disk.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self._disk.folder / "temporary").mkdir()
        shutil.rmtree(self.workspace.knowledge_base)
        self._start = start
        large = start == "a first run over a large folder"
        documents, sections = (21, 50) if large else (3, 4)
        write_corpus(self.workspace.knowledge_base, documents=documents, sections=sections)
        if "first" not in start:
            self._prepare()
            for name in ("chroma_db", "logs"):
                shutil.copytree(self._prepared / name, self._disk.folder / name)
            self._change()
            if broken := _BROKEN.get(start):
                with (self.workspace.store / broken).open("r+b") as file:
                    file.write(b"no database " * 9)
        self._simulator.reset()

    def _prepare(self) -> None:
        if not self._prepared.exists():
            self._simulator.reset()
            first = self.run()
            assert first.code == 0, first.stderr
            self._bought = set(self._simulator.answers())
            for name in ("chroma_db", "logs"):
                shutil.move(self._disk.folder / name, self._prepared / name)

    def _change(self) -> None:
        """One document is edited, one is moved, one goes, one comes."""
        top = self.workspace.knowledge_base
        edited, moved, gone = sorted(top.rglob("*.md"))
        edited.write_text(document_text(3, seed=5) + edited.read_text("utf-8"), "utf-8")
        moved.rename(moved.with_name("moved.md"))
        gone.rename(gone.with_name("new.md"))
        gone.with_name("new.md").write_text(document_text(3, seed=6), "utf-8")

    def run(self, *options: str, before: Sequence[str] = ()) -> Outcome:
        """Run the command, its stdout on the disk; ``before``: what runs it."""
        stdout = self._disk.folder / "stdout"
        with stdout.open("wb") as file:
            ended = subprocess.run(
                [*before, sys.executable, *SCRIPT, *OPTIONS, *options],
                cwd=self._folder,
                env=self.workspace.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                timeout=RUN_TIMEOUT,
                check=False,
            )
        return Outcome(ended.returncode, stdout.read_text("utf-8"), ended.stderr)

    def _options(self) -> Sequence[str]:
        return ("--clear",) if "--clear" in self._start else ()

    def strike(self, *faults: Fault) -> Struck:
        """A run that these faults befall."""
        before = self._simulator.stats().texts_answered
        reports = set(self.workspace.logs.glob("run-*.json"))
        self._disk.plan(*faults)
        outcome = self.run(*self._options())
        met = self._disk.met()
        self._disk.plan()
        answered = self._simulator.stats().texts_answered - before
        written = sorted(set(self.workspace.logs.glob("run-*.json")) - reports)
        texts = [outcome.stdout, *(path.read_text("utf-8") for path in written)]
        return Struck(outcome, met, answered, next(filter(None, map(_parsed, texts)), None))

    def complaints_after(self, struck: Sequence[Struck]) -> Iterator[str]:
        """The same command on a sound disk; what is not as it should be then."""
        before = self._simulator.stats().texts_answered
        outcome = self.run()
        if outcome.code != 0:
            yield f"afterwards: exit code {outcome.code}: {outcome.stderr[-400:]}"
            return
        answers = self._simulator.answers()
        repeated = sum(count - 1 + (text in self._before()) for text, count in answers.items())
        may_repeat = sum(each.may_repeat for each in struck)
        if repeated > may_repeat:
            yield f"{repeated} texts were answered twice, {may_repeat} were told of as lost"
        report = outcome.report
        if struck[-1].outcome.code == 0 and report["chunks"]["added"]:
            yield "exit code 0, but not all was done"
        now = self._simulator.stats().texts_answered
        if report["texts_embedded"] != now - before:
            yield f"afterwards {now - before} texts billed, {report['texts_embedded']} are told"
        yield from self._complaints_of_the_bill(now, may_repeat)
        yield from self._complaints_of_files()
        try:
            chunks = chunks_of(self.workspace.knowledge_base)
            assert_holds(read_embedded(self.workspace.store, self.workspace.logs), chunks)
        except AssertionError as error:
            yield f"the collection is another: {error}"

    def _before(self) -> set[str]:
        return set() if "first" in self._start else self._bought

    def _complaints_of_the_bill(self, answered: int, may_lack: int) -> Iterator[str]:
        with closing(sqlite3.connect(self.workspace.store / "waypoint.sqlite3")) as ledger:
            (noted,) = ledger.execute("SELECT coalesce(sum(texts), 0) FROM usage").fetchone()
        if self._start != "a run over a broken ledger":
            answered += len(self._before())
        if not answered - may_lack <= noted <= answered:
            yield f"{answered} texts were answered, the ledger counts {noted}"

    def _complaints_of_files(self) -> Iterator[str]:
        stem = _BROKEN.get(self._start, "nothing").partition(".")[0]
        moved = [path.name for path in self.workspace.store.glob("quarantine-*/*")]
        whole = [name for name in moved if name.startswith("waypoint") != (stem == "waypoint")]
        if moved and (whole or stem == "nothing"):
            yield f"moved away: {whole or moved}"
        for left in ("chroma_db/*ballast*", "logs/*tmp*"):
            if found := [path.name for path in self._disk.folder.glob(left)]:
                yield f"left behind: {found}"

    def sites(self, known: set[Stack]) -> list[Site]:
        """Where an undisturbed run changes files: the first time from each stack of calls that is
        not ``known`` yet. Of a large folder only the ledger's file: each call costs time."""
        trace = self._folder / "trace.txt"
        calls = ",".join(_CALLS)
        self._disk.plan()
        strace = ["strace", "-f", "-k", "-y", "--seccomp-bpf", f"--trace={calls}"]
        if "large" in self._start:
            strace.append(f"--trace-path={self.workspace.store / 'waypoint.sqlite3'}")
        outcome = self.run(*self._options(), before=(*strace, f"--output={trace}"))
        assert outcome.code == 0, outcome.stderr
        return list(_distinct(trace, self._disk.folder, known))


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return report


def _distinct(trace: Path, folder: Path, seen: set[Stack]) -> Iterator[Site]:
    """From strace's lines: a call, then the lines of its stack."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    site: Site | None = None
    stack: list[str] = []
    with trace.open(encoding="utf-8", errors="replace") as lines:
        for line in (*lines, ""):
            if line.startswith(" > "):
                stack.append(line.rpartition(" [")[0])
                continue
            if site is not None and (found := (*site[:2], tuple(stack))) not in seen:
                seen.add(found)
                yield site
            site, stack = _site_of(line, folder), []
            if site is not None:
                counts[site[:2]] += 1
                site = (*site[:2], counts[site[:2]])


def _site_of(line: str, folder: Path) -> Site | None:
    call = re.match(r"\d+ +(\w+)\((.*)", line)
    if call is None or call[1] not in _CALLS or re.search("ENOENT|EEXIST", line):
        return None
    if call[1] == "openat" and not re.search("O_WRONLY|O_RDWR|O_CREAT", call[2]):
        return None
    path = re.search(rf"{re.escape(str(folder))}(/[^>\"]*)", call[2])
    return (class_of(path[1]), _CALLS[call[1]], 0) if path else None


@contextmanager
def fault_bench(folder: Path) -> Iterator[FaultBench]:
    """All running."""
    folder.mkdir(parents=True, exist_ok=True)
    with faulty_mount(folder / "disk") as disk, background_simulator() as simulator:
        yield FaultBench(folder, disk, simulator)
