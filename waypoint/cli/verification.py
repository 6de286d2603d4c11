"""A verification as a person meets it: verdict, report, page, and the repair that it asks for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.prompt import Confirm

from waypoint.cli.failures import tell_failure
from waypoint.cli.ingestion import run_ingestion
from waypoint.cli.mounts import check_mounts
from waypoint.cli.summary import billed
from waypoint.cli.verdict import print_verdict
from waypoint.errors import ExitCode, StoreLockedError, StoreWriteError, UsageError
from waypoint.files import make_log_folder, told
from waypoint.ingestion import runtime
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.runtime import return_large_blocks
from waypoint.observe.events import (
    Event,
    EventBus,
    ServiceSaid,
    StoreNotice,
    StoreRetried,
    TextsLost,
)
from waypoint.observe.terminal import Terminal, Text, print_bytes
from waypoint.settings import Settings
from waypoint.verification.checks import SAMPLING, checks_named
from waypoint.verification.repair import Repair, Repairer, plan_repair
from waypoint.verification.run import Verification, VerifyOptions
from waypoint.verification.verdict import Verdict, write_verdict

DEFAULT_DRAWN = 50
"""Chunks that ``--check sample`` and ``--check recall`` draw if no number is given."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What was asked for on the command line, beyond the settings."""

    checks: Sequence[str] = ()
    tiers: Sequence[str] = ()
    queries: Path | None = None
    sample: int = 0
    recall: int = 0
    seed: int = 0
    simulate: bool = False
    html: Path | None = None
    repair: bool = False
    yes: bool = False
    json: bool = False
    verbose: bool = False


class VerifyCommand:
    """One call of ``verify``."""

    def __init__(self, settings: Settings, request: VerifyRequest) -> None:
        # Whatever a person reads goes to stderr: stdout is the report's alone.
        self._console = Terminal(stderr=True)
        self._settings = settings
        self._request = request

    def run(self) -> ExitCode:
        """Verify, and repair if that was asked for; returns the exit code."""
        check_mounts(self._settings)
        make_log_folder(self._settings.log_dir)
        return_large_blocks()
        with ExitStack() as stack:
            verification = self._verification(before_repair=self._request.repair)
            stack.callback(verification.inventory.close)
            verdict = self._verify(verification)
            if not self._request.repair:
                return self._end(verification, verdict)
            code = self._repair(verification, verdict)
            if code is not None:
                return code
            again = self._verification()
            stack.callback(again.inventory.close)
            after = self._verify(again)
            after.repair = verdict.repair
            return self._end(again, after)

    def _verification(self, *, before_repair: bool = False) -> Verification:
        request = self._request
        named = frozenset(request.checks)
        options = VerifyOptions(
            checks=checks_named(request.checks, request.tiers),
            tiers=tuple(request.tiers),
            queries=request.queries,
            # No repair helps against what a sample shows: it is embedded once, afterwards.
            sample=0 if before_repair else _count(request.sample, "sample", named),
            recall=_count(request.recall, "recall", named),
            seed=request.seed,
            simulate=request.simulate,
            picture=request.html is not None and not before_repair,
        )
        events = EventBus()
        events.subscribe(self._tell_event)
        return Verification(
            self._settings, options, events, self._console.tell, lambda _what, _done, _all: None
        )

    def _verify(self, verification: Verification) -> Verdict:
        """Verify, showing on a terminal how far it is."""
        if not self._console.is_terminal:
            return runtime.run(verification.run)
        with self._console.status("opening the store") as status:

            def show(what: str, done: int, total: int) -> None:
                share = f" {done:,} of {total:,}" if total else ""
                status.update(Text(f"{what}{share}"))

            verification.progress = show
            return runtime.run(verification.run)

    def _end(self, verification: Verification, verdict: Verdict) -> ExitCode:
        """Write and show the verdict; returns the exit code."""
        request = self._request
        path = None
        try:
            path = write_verdict(verdict, self._settings.log_dir)
        except OSError as error:
            verdict.notices.append(f"the report could not be written: {told(error)}")
        if request.html is not None:
            from waypoint.verification.page import make_page

            _write_page(request.html, make_page(verdict, verification.picture))
        if request.json:
            print_bytes(verdict.to_json())
        print_verdict(self._console, verdict)
        if path is not None:
            self._console.tell(f"report: {path}")
        if request.html is not None:
            self._console.tell(f"page: {request.html}")
        failure = verification.failure
        if failure is not None:
            tell_failure(self._console, failure, verbose=request.verbose)
            return failure.exit_code
        return ExitCode.OK if verdict.passed else ExitCode.INCOMPLETE

    # -- repair ----------------------------------------------------------------------------

    def _repair(self, verification: Verification, verdict: Verdict) -> ExitCode | None:
        """Repair what was found; None if the collection is to be verified again."""
        print_verdict(self._console, verdict)
        if verification.holder:
            raise StoreLockedError(
                verification.holder, hint="wait until it has ended, then repair what is left"
            )
        settings = self._settings
        folder = verdict.knowledge_base or None
        # The folder and the collection that were verified are those to be ingested.
        fitting = settings.model_copy(
            update={
                "collection_name": verdict.collection or settings.collection_name,
                "knowledge_base_path": Path(folder) if folder else settings.knowledge_base_path,
            }
        )
        repair = runtime.run(
            partial(plan_repair, simulate=self._request.simulate),
            fitting,
            verdict,
            verification.inventory,
            verification.recorded,
        )
        if repair is None:
            self._console.tell("nothing to repair")
            return self._end(verification, verdict)
        for line in _describe(repair):
            self._console.tell(line)
        self._ask()
        events = EventBus()
        events.subscribe(self._tell_event)
        repairer = Repairer(fitting, repair, verification.inventory, events)
        runtime.run(repairer.run)
        fitting = fitting.model_copy(update={"embedding_provider": repair.provider})
        options = IngestOptions(rebuild=repair.steps.rebuild, repaired=verification.recorded)
        code = run_ingestion(fitting, options, verbose=self._request.verbose)
        verdict.repair = {
            "found": list(verdict.failing()),
            **asdict(repair),
            "ingestion_exit_code": code,
        }
        return code if code > ExitCode.INCOMPLETE else None

    def _ask(self) -> None:
        """
        Raises:
            UsageError: there is nobody to ask, or the answer was no.
        """
        if self._request.yes:
            return
        if not (sys.stdin.isatty() and self._console.is_terminal):
            raise UsageError(
                "nothing was repaired: there is no terminal to ask on",
                hint="add --yes to repair without being asked",
            )
        if not Confirm.ask("Repair?", console=self._console, default=False):
            raise UsageError("nothing was repaired", hint="answer y, or add --yes")

    # -- telling ---------------------------------------------------------------------------

    def _tell_event(self, event: Event) -> None:
        if isinstance(event, StoreNotice | ServiceSaid):
            self._console.tell(event.message)
        elif isinstance(event, TextsLost):
            self._console.tell(str(event))
        elif isinstance(event, StoreRetried):
            self._console.tell(
                f"Chroma: {event.operation}: {event.reason}; again in {event.wait:.1f} s"
            )


def _count(given: int, name: str, named: frozenset[str]) -> int:
    """How many chunks are drawn: what was said, or a few if only the check was named."""
    return given or (DEFAULT_DRAWN if named & {name, SAMPLING} else 0)


def _describe(repair: Repair) -> list[str]:
    """What will be done, and what it will cost."""
    steps = repair.steps
    lines = [f"to repair {repair.collection}:"]
    if steps.rebuild:
        lines.append("  the collection is rebuilt: its index is damaged")
    for count, what in (
        (steps.chunks_deleted, "damaged chunks are deleted and written again"),
        (steps.documents, "documents are compared with the collection, chunk by chunk"),
        (steps.vectors_taken_back, "vectors are restored to the ledger from the collection"),
        (steps.vectors_dropped, "damaged vectors are dropped from the ledger, and embedded again"),
    ):
        if count:
            lines.append(f"  {count:,} {what}")
    lines.append("  then the folder is ingested: new, changed and deleted sources are processed")
    cost = billed(repair.cost_usd, repair.provider)
    lines.append(f"  to embed: at most {repair.texts_to_embed:,} texts, {cost}")
    return lines


def _write_page(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, "utf-8")
    except OSError as error:
        raise StoreWriteError(
            f"cannot write the page {path}: {error.strerror}", hint="give --html another path"
        ) from error
