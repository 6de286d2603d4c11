"""Whatever becomes of batch jobs: the collection is whole, and what was billed twice is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.batch_runs import (
    BATCH,
    QUICK,
    ask,
    assert_each_billed_once,
    assert_ingested,
    left_at_service,
    pass_time,
    repeated,
)
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from waypoint.simulator import JobFault
from waypoint.storage.ledger import LEDGER_NAME


@contextmanager
def opened(
    tmp_path: Path, *, documents: int = 3, sections: int = 8, **settings: Any
) -> Iterator[tuple[Workspace, BackgroundSimulator]]:
    """A knowledge base, and a simulator of these settings."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=documents, sections=sections)
    with background_simulator(**(QUICK | settings)) as simulator:
        workspace.use(simulator.environment)
        yield workspace, simulator


FAULTS = (
    *(JobFault.ROW_ERRORS, JobFault.FAILED, JobFault.MISSING_ROWS, JobFault.SHUFFLED_ROWS),
    *(JobFault.FOREIGN_ROWS, JobFault.FULL_DIMENSIONS, JobFault.ALL_ROWS_FAIL),
    *(JobFault.NULL_VALUE, JobFault.RESULTS_GONE, JobFault.DOWNLOAD_CUT),
    *(JobFault.UPLOAD_LOST, None, JobFault.UPLOAD_BROKEN, None, JobFault.UPLOAD_ERROR),
    *(JobFault.CREATE_LOST, JobFault.CREATED_TWICE),
)


@pytest.mark.slow
def test_jobs_that_go_wrong_in_all_ways(tmp_path: Path) -> None:
    """Many jobs in one run, each with another fault."""
    with opened(
        tmp_path, documents=14, sections=40, batch_queue_tokens=5_000, job_fault_script=FAULTS
    ) as (workspace, simulator):
        report = workspace.report_of(*BATCH)
        assert_ingested(workspace)
        met = simulator.stats().faults
        assert set(met) == {fault for fault in FAULTS if fault}
        assert report["jobs"]["texts_maybe_billed"] >= repeated(simulator) > 0
        assert report["cost_usd"] >= simulator.stats().cost_usd * 0.98
        assert left_at_service(simulator) == []
        assert simulator.stats().texts_answered == 0, "no text was sent in a call"


def test_detached_jobs_are_collected_by_the_same_command(tmp_path: Path) -> None:
    """Exit code 4 and why; nothing is sent twice; documents that are new meanwhile are added."""
    with opened(tmp_path, batch_speed=0.0) as (workspace, simulator):
        report = workspace.report_of(*BATCH, "--detach", code=4)
        assert report["stopped_for"] == "jobs"
        assert "24 texts are in 1 batch jobs" in report["message"]
        assert "run the same command again" in report["hint"]
        # Another run, with documents of its own: their texts are its, the others' the first job's.
        write_corpus(workspace.knowledge_base, documents=4, sections=8)
        third = workspace.report_of(*BATCH, "--detach", code=4)
        assert third["jobs"]["texts_submitted"] == 8
        simulator.advance(3_600)
        assert workspace.report_of(*BATCH, "--detach")["documents"]["ingested"] == 4
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().texts_answered == 0


@pytest.mark.slow
def test_any_ingest_collects_jobs(tmp_path: Path) -> None:
    """An interactive one waits for no job, and sends only texts that are in none."""
    with opened(tmp_path, batch_speed=0.0) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        write_corpus(workspace.knowledge_base, documents=4, sections=8)
        report = workspace.report_of(code=4)
        assert (report["stopped_for"], report["calls"]["answered"]) == ("jobs", 1)
        simulator.advance(3_600)
        workspace.report_of()
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().texts_answered == 8


@pytest.mark.slow
def test_a_job_that_is_stuck_is_cancelled_and_its_texts_are_submitted_anew(tmp_path: Path) -> None:
    """Beyond the patience; a pending job is billed for nothing."""
    with opened(tmp_path, job_fault_script=[JobFault.STUCK]) as (workspace, simulator):
        report = workspace.report_of(*BATCH, "--batch-patience", "0.0003")
        assert (report["jobs"]["submitted"], report["jobs"]["texts_given_back"]) == (2, 24)
        assert report["jobs"]["texts_maybe_billed"] == 0
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert left_at_service(simulator) == []


@pytest.mark.slow
def test_what_a_job_gives_back_is_sent_in_calls_where_that_is_wished(tmp_path: Path) -> None:
    """An expired job's texts, in that run."""
    script = [JobFault.STUCK]
    with opened(tmp_path, job_fault_script=script, batch_speed=1e6) as (workspace, simulator):
        report = workspace.report_of(*BATCH, "--batch-fallback")
        assert (report["jobs"]["submitted"], report["jobs"]["texts_given_back"]) == (1, 24)
        assert report["calls"]["answered"] > 0
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
@pytest.mark.parametrize("fallback", [False, True])
def test_jobs_that_bring_nothing_end_the_run_or_the_jobs(tmp_path: Path, fallback: bool) -> None:
    """After three in a row: exit code 3, or calls at full price."""
    with opened(
        tmp_path, documents=14, sections=40, job_faults={JobFault.FAILED: 1.0},
        batch_queue_tokens=10_000,
    ) as (workspace, simulator):  # fmt: skip
        option = ("--batch-fallback",) if fallback else ()
        report = workspace.report_of(*BATCH, *option, code=0 if fallback else 3)
        assert report["jobs"]["settled"] in range(3, 6)
        assert left_at_service(simulator) == []
        if fallback:
            assert_ingested(workspace)
            assert_each_billed_once(workspace, simulator)
        else:
            assert "3 batch jobs in a row brought nothing" in report["message"]
            assert "--batch-fallback" in report["hint"]


@pytest.mark.slow
@pytest.mark.parametrize("fallback", [False, True])
def test_an_account_without_batch_jobs(tmp_path: Path, fallback: bool) -> None:
    """It is told so, and what to do; or calls do it."""
    with opened(tmp_path, no_batch=True) as (workspace, simulator):
        option = ("--batch-fallback",) if fallback else ()
        report = workspace.report_of(*BATCH, *option, code=0 if fallback else 3)
        if fallback:
            assert_ingested(workspace)
        else:
            assert "takes no batch jobs" in report["message"]
            assert "--mode interactive" in report["hint"]
        assert left_at_service(simulator) == []


@pytest.mark.slow
def test_a_job_that_was_never_made_is_submitted_again_after_it_was_looked_for(
    tmp_path: Path,
) -> None:
    """Not before two minutes: the list may lag."""
    script = [JobFault.CREATE_DROPPED]
    with opened(tmp_path, job_fault_script=script) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        again = workspace.report_of(*BATCH, "--detach", code=4)
        assert (again["jobs"]["submitted"], simulator.stats().jobs) == (0, 0)
        pass_time(workspace, 121)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert left_at_service(simulator) == []


@pytest.mark.slow
def test_a_lost_answer_and_a_list_that_lags(tmp_path: Path) -> None:
    """The job is found when it is listed."""
    script = [JobFault.CREATE_LOST]
    with opened(tmp_path, job_fault_script=script, job_list_lag_s=1_000) as (workspace, simulator):
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)
        assert simulator.stats().jobs == 1


@pytest.mark.slow
def test_a_job_that_is_made_late_is_cancelled_and_counted(tmp_path: Path) -> None:
    """It was given up, since it was not listed in two minutes."""
    script = [JobFault.CREATE_LOST]
    with opened(tmp_path, job_fault_script=script, job_list_lag_s=1e6) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        pass_time(workspace, 121)
        simulator.configure(job_list_lag_s=0, job_fault_script=[])
        simulator.configure(job_list_lag_s=1e6)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert repeated(simulator) == 24
        simulator.configure(job_list_lag_s=0)
        write_corpus(workspace.knowledge_base, documents=4, sections=8)
        report = workspace.report_of(*BATCH)
        assert report["jobs"]["texts_maybe_billed"] == 24
        assert left_at_service(simulator) == []


@pytest.mark.slow
def test_a_text_that_the_service_refuses_is_rejected_by_the_word_of_a_call(tmp_path: Path) -> None:
    """As in an interactive run; the others are in."""
    with opened(tmp_path, poison="poisonous") as (workspace, simulator):
        (workspace.knowledge_base / "bad.md").write_text("# A poisonous text\n\nThat is it.\n")
        report = workspace.report_of(*BATCH, code=1)
        assert report["chunks"]["rejected"] == 1
        assert report["standing_rejects"] == 1
        assert simulator.stats().texts_answered <= 1
        again = workspace.report_of(*BATCH, code=1)
        assert (again["jobs"]["submitted"], again["calls"]["started"]) == (0, 0)


@pytest.mark.slow
def test_another_key_that_does_not_see_a_job_gives_nothing_up(tmp_path: Path) -> None:
    """The job is kept for the key that made it; nothing is sent twice."""
    with opened(tmp_path, batch_speed=0.0) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        with background_simulator(**QUICK) as others:
            workspace.use(others.environment | {"GOOGLE_API_KEY": "AIza-another-key-0123456789"})
            report = workspace.report_of(*BATCH, code=4)
            assert "another API key" in report["message"]
            assert others.stats().jobs == others.stats().calls == 0
        workspace.use(simulator.environment)
        simulator.advance(3_600)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
def test_a_budget_bounds_what_is_submitted(tmp_path: Path) -> None:
    """Half the price counts; the run ends with what it could pay for."""
    with opened(tmp_path) as (workspace, simulator):
        report = workspace.report_of(*BATCH, "--max-cost", "0.0001", code=4)
        assert report["stopped_for"] == "budget"
        assert 0 < simulator.stats().cost_usd <= 0.0001
        assert simulator.stats().job_texts_billed > 10
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
def test_a_storage_that_is_full_with_others_files(tmp_path: Path) -> None:
    """The run does not go on submitting, and says so."""
    with opened(tmp_path, file_storage_bytes=10) as (workspace, simulator):
        report = workspace.report_of(*BATCH, "--detach", code=4)
        assert report["stopped_for"] == "jobs"
        assert "the service takes no job" in workspace.run(*BATCH, "--detach").stderr
        assert simulator.stats().uploads == 0
        simulator.configure(file_storage_bytes=10**9)
        workspace.report_of(*BATCH)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
def test_a_ledger_that_is_rebuilt_goes_on_with_its_jobs(tmp_path: Path) -> None:
    """Its table of collections is broken; the jobs, and their texts, can be read."""
    with opened(tmp_path, batch_speed=0.0) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        path = workspace.store / LEDGER_NAME
        with closing(sqlite3.connect(path)) as ledger:
            ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = ledger.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'collections'"
            ).fetchone()
            (size,) = ledger.execute("PRAGMA page_size").fetchone()
        with path.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        ended = workspace.run(*BATCH, "--detach")
        assert ended.code == 4, ended.stderr
        assert "1 batch jobs of the damaged ledger are taken over, with 24 texts" in ended.stderr
        simulator.advance(3_600)
        workspace.report_of(*BATCH)
        assert_ingested(workspace)
        assert_each_billed_once(workspace, simulator)


@pytest.mark.slow
def test_a_job_that_the_service_lost_is_counted_and_told(tmp_path: Path) -> None:
    """Not at once: it may be a service that doesn't know it yet."""
    with opened(tmp_path, batch_speed=0.0) as (workspace, simulator):
        workspace.report_of(*BATCH, "--detach", code=4)
        (job,) = ask(simulator, lambda client: client.get("batches")).json()["operations"]
        ask(simulator, lambda client: client.delete(job["name"]))
        assert workspace.report_of(*BATCH, "--detach", code=4)["jobs"]["settled"] == 0
        simulator.configure(**QUICK)
        pass_time(workspace, 200)
        report = workspace.report_of(*BATCH)
        assert report["jobs"]["texts_maybe_billed"] == repeated(simulator) == 24
        assert report["cost_lost_usd"] > 0
        assert_ingested(workspace)
