"""The benchmark as its users meet it: tiny, but of the real program, store and simulator."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.background_simulator import background_simulator
from tests.support.command import PROJECT, Outcome, Workspace
from waypoint.cli import main

SCRIPT = (str(PROJECT / "scripts" / "benchmark.py"),)
STAGES = ["discover", "read", "chunk", "deduplicate", "batch", "embed", "write"]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
OUTSIDE = re.compile(r"""(?:src=(?!"data:image/png;base64,)|href=|url\s*[(]|@import|integrity=)""")


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def page_of(path: Path) -> Page:
    """The page, which must be well formed and need nothing from elsewhere."""
    text = path.read_text("utf-8")
    assert not OUTSIDE.search(text)
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    return page


def benchmark(workspace: Workspace, *arguments: str) -> Outcome:
    return workspace.run(*arguments, entry=SCRIPT)


def test_a_sweep_measures_the_program_and_its_ceiling(tmp_path: Path) -> None:
    """Cells, bare Chroma beside and alone, where the time goes: in table, JSON, page and PNG."""
    workspace = Workspace(tmp_path, timeout=400)
    outcome = benchmark(
        workspace, "--chunks=230", "--concurrency=2", "--batch=100", "--rounds=1",
        "--latency-ms=40", "--latency-per-text-ms=0.2", "--beside", "--languages=en,zh,code",
        "--chunk-size=300,600",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    for part in ("Sweep", "2 / 100", "Where the time goes", "bare Chroma", "best: "):
        assert part in outcome.stdout
    results = orjson.loads((tmp_path / "benchmark" / "benchmark.json").read_bytes())
    assert results["schema"] == 2
    assert results["machine"]["cores"] >= 1
    assert results["settings"]["simulating"]["latency_ms"] == 40
    (cell,) = results["cells"]
    # Two calls in flight, each of them 40 ms and a fifth of one a text.
    assert cell["service_ceiling"] == pytest.approx(2 * 100 / 0.06)
    (run,) = cell["rounds"]
    assert (run["texts"], run["chunks"], run["rate_limited"]) == (230, 230, 0)
    # As many calls as full batches; what is sent at an idle moment may be less.
    assert 3 <= run["calls"] <= 6
    assert_a_run_is_told_whole(run)
    (alone,), (beside,) = results["chroma_alone"], results["chroma_beside"]
    assert (alone["rows"], alone["calls"]) == (230, 0)
    assert beside["rows"] == 230
    # Those that were answered when the last row was written, which takes longer than one call.
    assert 1 <= beside["calls"] <= 3
    assert any("of the ceiling" in line for line in results["headline"])
    page = page_of(tmp_path / "benchmark" / "benchmark.html")
    assert page.tags.count("img") == 6
    assert page.tags.count("table") == 3
    plots = list((tmp_path / "benchmark").glob("*.png"))
    assert len(plots) == 6
    assert all(plot.read_bytes().startswith(PNG_SIGNATURE) for plot in plots)


def assert_a_run_is_told_whole(run: dict[str, Any]) -> None:
    """Each figure is there, and they agree with each other."""
    assert [stage["name"] for stage in run["stages"]] == STAGES
    embed, write = run["stages"][5], run["stages"][6]
    assert embed["items_in"] == write["items_in"] == 230
    assert embed["most_workers"] == 2
    assert embed["doing"]["call"] <= embed["busy"] + 0.01
    # No call is faster than the simulator's latency; the smallest has one text.
    assert 0.041 <= run["latency"]["p50"] <= run["latency"]["p99"]
    assert embed["doing"]["call"] >= run["calls"] * 0.041
    assert 0 < run["first_call"] < run["wall"]
    assert 0 < run["cpu"] < run["wall"] * 4
    assert run["peak_memory"] > 50e6
    assert run["store_peak_memory"] > 20e6
    assert run["loop_delay"]["p50"] <= run["loop_delay"]["p99"] <= run["loop_delay"]["worst"]
    assert run["timeline"][0]["seconds"] == 0
    assert run["timeline"][-1]["memory"] > 50e6


@pytest.mark.slow
def test_scale_tells_worker_and_store_apart(tmp_path: Path) -> None:
    """Sizes, each embedded and against a server, and once more with nothing changed."""
    workspace = Workspace(tmp_path, timeout=400)
    outcome = benchmark(
        workspace, "--chunks=40,80", "--rounds=2", "--latency-ms=0", "--out=scale", "--json"
    )
    assert outcome.code == 0, outcome.stderr
    assert outcome.report == orjson.loads((tmp_path / "scale" / "benchmark.json").read_bytes())
    cells = [(each["chunks"], each["store"]) for each in outcome.report["scale"]]
    assert cells == [(40, "embedded"), (40, "server"), (80, "embedded"), (80, "server")]
    for cell in outcome.report["scale"]:
        assert len(cell["rounds"]) == 2
        for each in cell["rounds"]:
            assert each["run"]["chunks"] == cell["chunks"]
            assert (each["again"]["calls"], each["again"]["chunks"]) == (0, 0)
            assert each["run"]["store_peak_memory"] > 20e6
            assert each["run"]["cost_usd"] > 0
    embedded, server = outcome.report["headline"]
    assert embedded.startswith("embedded: from 40 to 80 chunks, the worker's memory is ")
    assert server.startswith("server: from 40 to 80 chunks, ")
    assert page_of(tmp_path / "scale" / "benchmark.html").tags.count("img") == 3


def test_the_pace_is_told_as_the_service_counts_it(tmp_path: Path) -> None:
    """A known quota and one that changes, side by side; seconds here, minutes in earnest."""
    workspace = Workspace(tmp_path, timeout=400)
    outcome = benchmark(
        workspace, "pace", "--tiers=free,1", "--quota=known,changing", "--minutes=0.3", "--json"
    )
    assert outcome.code == 0, outcome.stderr
    runs = {(run["mode"], run["tier"]): run for run in outcome.report["runs"]}
    assert runs.keys() == {(m, t) for m in ("known", "changing") for t in ("free", "1")}
    known = runs["known", "1"]
    first, last = known["samples"][0], known["samples"][-1]
    assert last["seconds"] == pytest.approx(18, abs=6)
    assert last["refused"] == 0
    # 3,000 a minute: never more, and not a small part of it.
    assert 0.5 < known["share"] <= 1.3
    assert known["peak_texts"] >= last["texts"] > first["texts"]
    rpms = [sample["rpm"] for sample in runs["changing", "1"]["samples"]]
    assert list(dict.fromkeys(rpms)) == [3000, 1500, 6000]
    assert page_of(tmp_path / "benchmark" / "pace.html").tags.count("img") == 2


def test_what_a_call_costs_beside_the_sdk_alone(tmp_path: Path) -> None:
    """The same calls each way; each way's vectors are counted as they come."""
    workspace = Workspace(tmp_path, timeout=200)
    outcome = benchmark(workspace, "calls", "--calls=2", "--batch=7", "--rounds=1", "--json")
    assert outcome.code == 0, outcome.stderr
    results = orjson.loads(outcome.stdout)
    assert [each["way"] for each in results["ways"]] == ["waypoint", "sdk-aiohttp", "sdk-httpx2"]
    for each in results["ways"]:
        figures = each["cpu_ms"]
        assert 0 < figures["least"] <= figures["median"] <= figures["most"]
    assert "round 1 of 1: CPU ms a call: waypoint " in outcome.stderr
    written = (tmp_path / "benchmark" / "calls.json").read_bytes()
    assert orjson.loads(written) == results
    assert "google-genai as it comes" in (tmp_path / "benchmark" / "calls.html").read_text("utf-8")
    assert page_of(tmp_path / "benchmark" / "calls.html").tags.count("table") == 1


def test_reading_is_measured_alone(tmp_path: Path) -> None:
    """Files of each format, read whole, without a key or a store."""
    workspace = Workspace(tmp_path, timeout=200)
    outcome = benchmark(
        workspace, "reading", "--files=7", "--formats=pdf,docx,md", "--chunks-per-file=3",
        "--rounds=1", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    results = outcome.report
    assert results == orjson.loads((tmp_path / "benchmark" / "reading.json").read_bytes())
    (run,) = results["runs"]
    assert (run["files"], run["chunks"]) == (7, 21)
    assert run["files_a_minute"] == pytest.approx(7 * 60 / run["wall"])
    assert 0 < run["cpu"] < run["wall"] * 4
    assert run["peak_memory"] > 50e6
    assert page_of(tmp_path / "benchmark" / "reading.html").tags.count("table") == 1
    assert not (tmp_path / "chroma_db").exists()


def test_readers_are_measured_beside_another(tmp_path: Path) -> None:
    """By format: bytes, rejects, warnings, and words that one has and the other doesn't."""
    workspace = Workspace(tmp_path, timeout=200)
    base = workspace.knowledge_base
    (base / "a.md").write_text("one two three three")
    (base / "b.md").write_text("four")
    (base / "c.json").write_text("{")
    (base / "d.unknown").write_text("five")
    other = f"{sys.executable} -c \"print('one three THREE three six')\" {{}}"
    outcome = benchmark(workspace, "readers", str(base), "--beside", other, "--json")
    assert outcome.code == 0, outcome.stderr
    markdown, json = outcome.report["formats"]
    counts = ("format", "files", "rejected", "bytes", "words", "missing", "extra")
    assert [markdown[name] for name in counts] == ["markdown", 2, 0, 23, 10, 7, 2]
    assert [json[name] for name in counts] == ["json", 1, 1, 1, 0, 0, 0]
    assert markdown["cpu"] > 0
    assert page_of(tmp_path / "benchmark" / "readers.html").tags.count("table") == 1


def test_the_real_service_is_not_called_unasked(tmp_path: Path) -> None:
    """Without a terminal and --yes nothing is called, but the cost is said; with it, it is."""
    workspace = Workspace(tmp_path, timeout=400)
    sizes = ("--chunks=10", "--concurrency=1", "--batch=10", "--rounds=1", "--no-ceiling", "--real")
    assert benchmark(workspace, *sizes).code == 2
    with background_simulator() as simulator:
        workspace.use(simulator.environment)
        refused = benchmark(workspace, *sizes)
        assert refused.code == 2
        assert "2 ingestions, 20 texts in all, about $0.00" in refused.stderr
        assert simulator.stats().calls == 0
        workspace.use({"QUOTA_RPM": "", "QUOTA_TPM": ""})
        agreed = benchmark(workspace, *sizes, "--quota-tier=1", "--yes", "--json")
        assert agreed.code == 0, agreed.stderr
        # The tier's 3,000 texts a minute bind, not a simulator without latency.
        assert agreed.report["cells"][0]["service_ceiling"] == 50
        assert simulator.stats().texts_answered == 20
        # A scale: each size in each round, with each store.
        scale = ("--chunks=10,30", "--rounds=2", "--no-ceiling", "--real")
        refused = benchmark(workspace, *scale)
        assert refused.code == 2
        assert "8 ingestions, 160 texts in all" in refused.stderr
        assert simulator.stats().texts_answered == 20


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--concurrency=many",), "--concurrency: 'many'"),
        (("--batch=200",), "--batch: '200'"),
        (("--store=elsewhere",), "--store: 'elsewhere'"),
        (("--languages=tlh",), "unknown languages: tlh"),
        (("--chunks=10,20", "--folder=."), "--folder"),
        (("--chunks=10,20", "--concurrency=4,8"), "one --concurrency"),
        (("--files=20", "--chunks=10"), "20 files cannot hold 10 chunks"),
        (("pace", "--tiers=9"), "--tiers: '9'"),
        (("reading", "--formats=pages"), "--formats: 'pages'"),
        (("readers", "."), "no file of a format that is read"),
        (("readers", ".", "--beside=cat"), "doesn't say where the file goes"),
        (("readers", "none"), "there is no folder 'none'"),
        (("reading", "--files=1"), "--files: 1 are fewer than 2 formats"),
    ],
)
def test_wrong_usage_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    named: str,
) -> None:
    """Exit code 2, what is wrong and the way out, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", *arguments])
    assert ended.value.code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert named in told
    assert "hint: " in told
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_rest_is_written() -> None:
    """PNG files are left out, with a notice that names the way."""
    program = """
import sys
sys.modules["matplotlib"] = None
from pathlib import Path
from tempfile import TemporaryDirectory
from waypoint.observe.terminal import Terminal
from waypoint.benchmark.charts import Chart, Series
from waypoint.benchmark.output import Output
chart = Chart("one", "One", "x", "y", [Series("a", [(0, 1), (1, 2)])])
with TemporaryDirectory() as folder:
    Output("t", ["l"], [], [chart], b"{}").write(Path(folder), "n", Terminal())
    print(sorted(path.name for path in Path(folder).iterdir()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert "requirements-plots.txt" in ended.stdout
    assert "['n.html', 'n.json']" in ended.stdout
