"""Whatever happens to a folder, to the runs over it and to the server, in whatever order."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.background_simulator import KEY, BackgroundSimulator, background_simulator
from tests.support.chroma_servers import ChromaCommand
from tests.support.collection import assert_holds, chunks_of, read_from
from tests.support.command import Workspace
from tests.support.crash_at import ANY, CRASHED, ENTRY
from tests.support.folder_changes import Change, changes
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.run import Ingestion
from waypoint.observe.events import EventBus
from waypoint.settings import Settings, load_settings
from waypoint.storage.chroma.child import HOST

BATCH = 3

MOST_POINTS = 12
"""A run over a few changes has about so many moments just before or after a commit."""


@dataclass(frozen=True, slots=True)
class World:
    """What all histories share."""

    server: ChromaCommand
    simulator: BackgroundSimulator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Chroma server and a simulator, in an environment without settings."""
    folder = tmp_path_factory.mktemp("world")
    with (
        pytest.MonkeyPatch.context() as environment,
        background_simulator() as simulator,
        ChromaCommand(folder / "server") as server,
    ):
        for name in Settings.model_fields:
            environment.delenv(name.upper(), raising=False)
        environment.chdir(folder)
        yield World(server, simulator)


class History(RuleBasedStateMachine):
    """A folder that is changed, and runs that end well or die; a collection of its own."""

    world: World
    failures: list[Exception]
    """What failed, over all histories: hypothesis tells only that it did not fail again."""

    def __init__(self) -> None:
        super().__init__()
        self._collection = f"history-{secrets.token_hex(6)}"
        self._workspace = workspace = Workspace(Path(tempfile.mkdtemp(prefix="waypoint-")))
        workspace.logs.mkdir()
        workspace.use(self.world.simulator.environment | self.world.server.environment)
        workspace.use({"CONCURRENCY": "1", "BATCH_SIZE": str(BATCH)})
        self._may_repeat = 0
        self.world.simulator.reset()

    def teardown(self) -> None:
        with self._noted():
            self._run()
        shutil.rmtree(self._workspace.folder)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failures.append(error)
            raise

    @initialize(changes=st.lists(changes(), min_size=8, max_size=16))
    def begin(self, changes: Sequence[Change]) -> None:
        """A folder of several documents, ingested."""
        self.go_on(changes, None, None)

    # One rule, since hypothesis would leave out any of several in half of the histories.
    @rule(
        changes=st.lists(changes(), min_size=3, max_size=8),
        server=st.sampled_from([*[None] * 8, signal.SIGTERM, signal.SIGKILL]),
        death=st.none() | st.integers(1, MOST_POINTS),
    )
    def go_on(
        self, changes: Sequence[Change], server: signal.Signals | None, death: int | None
    ) -> None:
        """Changes, perhaps a new start of the server, and a run, perhaps not to its end."""
        with self._noted():
            for change in changes:
                change.apply(self._workspace.knowledge_base)
            if server is not None:
                self.world.server.end(server)
                self.world.server.start()
            if death is None:
                self._run()
            else:
                self._run_until(death)

    def _run(self) -> None:
        settings = load_settings(
            google_api_key=KEY,
            google_gemini_base_url=self.world.simulator.base_url,
            quota_rpm=0,
            quota_tpm=0,
            knowledge_base_path=self._workspace.knowledge_base,
            chroma_persist_path=self._workspace.store,
            chroma_host=HOST,
            chroma_port=self.world.server.port,
            collection_name=self._collection,
            log_dir=self._workspace.logs,
            concurrency=1,
            batch_size=BATCH,
        )
        anyio.run(Ingestion(settings, IngestOptions(allow_mass_delete=True), EventBus()).run)
        self._compare()

    def _run_until(self, nth: int) -> None:
        """A run that dies at the nth of its commit points, if it has so many."""
        arguments = (ANY, str(nth), "--allow-mass-delete", "--collection", self._collection)
        outcome = self._workspace.run(*arguments, entry=ENTRY)
        assert outcome.code in (0, CRASHED), outcome.stderr
        if outcome.code == CRASHED:
            self._may_repeat += BATCH
        else:
            self._compare()

    def _compare(self) -> None:
        """The collection is what a first run would make, and no text was embedded twice."""
        collection = anyio.run(read_from, self.world.server.url, self._collection)
        assert_holds(collection, chunks_of(self._workspace.knowledge_base))
        answers = self.world.simulator.answers().values()
        # A kill costs at most what was in flight: with one worker, a batch.
        assert sum(count - 1 for count in answers) <= self._may_repeat


def explore(world: World, examples: int, steps: int, *, derandomize: bool) -> None:
    """Try that many histories, each of at most so many steps."""
    failures: list[Exception] = []
    try:
        run_state_machine_as_test(
            type("HistoryOfWorld", (History,), {"world": world, "failures": failures}),
            settings=hypothesis.settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=derandomize,
                database=None,
                # Shrinking would take minutes: a history of a few steps can be read as it is.
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Flaky:
        # What was drawn depends on nothing else: it differs because a failure did not come again.
        if failures:
            raise failures[0] from None
        raise


@pytest.mark.timeout(600)
def test_the_collection_is_always_what_a_fresh_run_would_make(world: World) -> None:
    """After any history; and a text is answered twice only if a kill came between."""
    explore(world, examples=5, steps=6, derandomize=True)


@pytest.mark.slow
def test_many_long_histories(world: World) -> None:
    """The same for minutes, other histories every time."""
    explore(world, examples=40, steps=15, derandomize=False)
