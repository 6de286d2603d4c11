"""A record that cannot be a document costs itself, and is named for as long as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus, write_records

LINES = 6


def documents(report: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in report["documents"].items() if count}


def written(report: dict[str, Any]) -> int:
    chunks = report["chunks"]
    return int(chunks["added"] + chunks["updated"] + chunks["deleted"])


def standing(workspace: Workspace) -> list[str]:
    """Sources of ``rejects.jsonl``."""
    lines = (workspace.logs / "rejects.jsonl").read_bytes().splitlines()
    return [orjson.loads(line)["source"] for line in lines]


def damaged(lines: Sequence[str], *numbers: int) -> str:
    """The lines as a file, some of them cut off within their text; numbers are from 1."""
    return "".join(
        f"{line[:40] if number in numbers else line}\n" for number, line in enumerate(lines, 1)
    )


@pytest.mark.timeout(600)
def test_a_damaged_line_stands_rejected_until_it_is_mended_or_gone(tmp_path: Path) -> None:
    """The others are ingested; what the collection held of it stays."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=1, sections=2)
    path = base / "list.jsonl"
    write_records(path, {f"record {number}": number for number in range(LINES)})
    lines = path.read_text().splitlines()

    def held() -> Any:
        return read_embedded(workspace.store, workspace.logs)

    with background_simulator() as simulator:
        workspace.use(simulator.environment | {"JSON_TEXT_FIELD": "text"})
        path.write_text(damaged(lines, 3))
        plan = workspace.report_of("--dry-run", "--simulate", code=1)
        assert (plan["documents"], plan["rejected"]) == (6, 1)
        assert [reject["source"] for reject in plan["rejects"]] == ["list.jsonl#3"]
        first = workspace.report_of(code=1)
        assert documents(first) == {"found": 7, "ingested": 6, "rejected": 1}
        (reject,) = first["rejects"]
        assert reject["source"] == "list.jsonl#3"
        assert reject["reason"].startswith("not JSON: Unterminated string")
        assert reject["hint"] == "correct the line, or remove it"
        assert standing(workspace) == ["list.jsonl#3"]
        assert_holds(held(), chunks_of(base))

        again = workspace.report_of(code=1)
        assert documents(again) == {"found": 7, "unchanged": 6, "rejected": 1}
        assert (again["calls"]["started"], written(again)) == (0, 0)
        assert (again["standing_rejects"], standing(workspace)) == (1, ["list.jsonl#3"])

        path.write_text(damaged(lines))
        mended = workspace.report_of()
        assert documents(mended) == {"found": 7, "unchanged": 6, "ingested": 1}
        assert (mended["texts_embedded"], standing(workspace)) == (1, [])
        whole = chunks_of(base)
        assert_holds(held(), whole)

        # The line does not say any more which record it was.
        path.write_text(damaged(lines, 5))
        older = workspace.report_of(code=1)
        assert documents(older) == {"found": 7, "unchanged": 6, "rejected": 1}
        assert (older["calls"]["started"], written(older)) == (0, 0)
        assert_holds(held(), whole)

        # This one does; so what else is missing is gone.
        path.write_text(damaged([lines[0], '{"id": "record 1", "body": "x"}', *lines[3:]]))
        textless = workspace.report_of(code=1)
        assert documents(textless) == {"found": 6, "unchanged": 5, "rejected": 1, "removed": 1}
        assert standing(workspace) == ["list.jsonl#record 1"]
        kept = {key: each for key, each in whole.items() if "record 2" not in str(each.metadata)}
        assert len(kept) == len(whole) - 1
        assert_holds(held(), kept)

        path.write_text(damaged([lines[0], *lines[3:]]))
        gone = workspace.report_of()
        assert documents(gone) == {"found": 5, "unchanged": 5, "removed": 1}
        assert standing(workspace) == []
        assert_holds(held(), chunks_of(base))

        path.write_text(damaged(lines, 1))
        assert workspace.run().code == 1
        assert standing(workspace) == ["list.jsonl#1"]
        path.unlink()
        assert documents(workspace.report_of("--allow-mass-delete"))["unchanged"] == 1
        assert standing(workspace) == []
        assert_holds(held(), chunks_of(base))
        assert set(simulator.answers().values()) == {1}


def test_a_file_whose_records_are_all_rejected_is_one_reject(tmp_path: Path) -> None:
    """It keeps what is held of it; with one record well again, the others stand for themselves."""
    workspace = Workspace(tmp_path)
    path = workspace.knowledge_base / "list.jsonl"
    path.write_text('{"text": "First."}\n{"text": "Second."}\n')
    assert documents(workspace.report_of("--simulate")) == {"found": 2, "ingested": 2}
    whole = chunks_of(workspace.knowledge_base)
    path.write_text('{"text": \n{"number": 2}\n')
    worse = workspace.report_of("--simulate", code=1)
    assert documents(worse) == {"found": 1, "rejected": 1}
    assert standing(workspace) == ["list.jsonl"]
    path.write_text('{"text": "First."}\n{"text": \n')
    better = workspace.report_of("--simulate", code=1)
    assert documents(better) == {"found": 2, "unchanged": 1, "rejected": 1}
    assert standing(workspace) == ["list.jsonl#2"]
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)


def test_a_thousand_damaged_lines_do_not_drown_the_rest(tmp_path: Path) -> None:
    """All are in the report and in the list; the terminal and the log name the first."""
    workspace = Workspace(tmp_path)
    path = workspace.knowledge_base / "list.jsonl"
    path.write_text("bad\n" * 999 + '{"text": "Good."}\n' + "bad\n" * 500)
    outcome = workspace.run("--simulate")
    assert outcome.code == 1
    assert outcome.stderr.count("rejected list.jsonl#") < 50
    assert "still rejected" not in outcome.stderr + outcome.stdout
    assert "1,479 more of its records are rejected" in outcome.stderr
    log = (workspace.logs / "waypoint.jsonl").read_text()
    assert log.count('"document_rejected"') == 20
    again = workspace.report_of("--simulate", code=1)
    assert documents(again) == {"found": 1500, "unchanged": 1, "rejected": 1499}
    assert (len(again["rejects"]), again["standing_rejects"]) == (1000, 1499)
    assert len(standing(workspace)) == 1499
    assert_holds(
        read_embedded(workspace.store, workspace.logs), chunks_of(workspace.knowledge_base)
    )
