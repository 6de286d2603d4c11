"""The command line as a whole: its name, its help, and what it does with names it doesn't know."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import PROJECT, PYTHONPATH
from waypoint.cli.command_names import as_typed
from waypoint.settings import FACTS, Group


def told(*command: str, code: int = 0, **variables: str) -> str:
    """All that it prints, in a folder without settings, at 80 columns."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": PYTHONPATH,
        "COLUMNS": "80",
    } | variables
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_the_command_is_beside_the_interpreter() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "waypoint"), "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("waypoint 0.")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_program_has_one_name(option: str) -> None:
    assert told("-m", "waypoint", option).startswith("Usage: waypoint [OPTIONS] COMMAND")
    script = str(PROJECT / "scripts" / "ingest.py")
    assert told(script, option).startswith("Usage: ingest.py [OPTIONS] [PATH]...\n")


def test_help_is_in_groups() -> None:
    shown = told("-m", "waypoint", "ingest", "-h")
    assert "..." not in told("-m", "waypoint", "-h").partition("Commands:")[2]
    headings = [line[:-1] for line in shown.splitlines() if line[:1].isupper() and line[-1] == ":"]
    assert headings == ["Arguments", "Options", *Group]
    for facts in FACTS.values():
        if facts.option.startswith("--"):
            group = shown.partition(f"\n{facts.group}:\n")[2].partition("\n\n")[0]
            assert f"  {facts.option.partition('/')[0]}" in group


def test_what_is_nearly_a_command_or_an_option_is_told() -> None:
    assert "Did you mean 'search'?" in told("-m", "waypoint", "serach", code=2)
    assert "--chunk-size" in told("-m", "waypoint", "ingest", "--chnk-size", "9", code=2)


def test_completion_is_offered() -> None:
    assert "_WAYPOINT_COMPLETE" in told("-m", "waypoint", "--show-completion", "bash")


def test_hints_in_a_container_are_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "run `waypoint ingest --clear`, `waypoint verify --repair` or `waypoint status`"
    assert as_typed(hint) == hint
    monkeypatch.setenv("IN_CONTAINER", "true")
    assert as_typed(hint) == (
        "run `docker compose run --rm ingestion --clear`, `docker compose run --rm verify "
        "--repair` or `docker compose run --rm --entrypoint waypoint ingestion status`"
    )


@pytest.mark.parametrize(
    "command",
    ["ingest --bogus", "ingest --rpm many", "verify --check none", "search ''", "inspect nothing"],
)
def test_lines_are_json_where_they_are_to_be(command: str) -> None:
    lines = told("-m", "waypoint", *shlex.split(command), code=2, LOG_FORMAT="json").splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["level"] for record in records} == {"ERROR"}
    assert records[0]["message"].startswith("error: ")


@pytest.mark.parametrize("command", ["ingest --bogus --json", "search --json", "status --json"])
def test_what_was_asked_for_as_json_fails_as_json(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "waypoint", *command.split()],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PYTHONPATH},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = json.loads(done.stdout)
    assert said["exit_code"] == done.returncode == 2
    assert f"error: {said['message']}\nhint: {said['hint']}\n" == done.stderr


def test_every_line_of_a_run_is_json(tmp_path: Path) -> None:
    """The summary's too, and what ``.env`` says of the form is enough."""
    (tmp_path / "a.md").write_text("# A\n\nSome text.\n")
    (tmp_path / ".env").write_text("LOG_FORMAT=json\nKNOWLEDGE_BASE_PATH=.\nEXCLUDE=.*\n")
    for more in ([], ["--rpm", "many"]):
        done = subprocess.run(
            [sys.executable, "-m", "waypoint", "ingest", "--simulate", *more],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": PYTHONPATH},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (2 if more else 0)
        assert all(json.loads(line)["event"] for line in done.stderr.splitlines())
