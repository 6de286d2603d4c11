"""The live page in a real browser: a run watched from start to end, a hang, a cut line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.acceptance.test_monitor import monitor_of
from tests.support.background_simulator import KEY, BackgroundSimulator
from tests.support.browser import (
    DESKTOP,
    PHONE,
    complaints,
    figures_of,
    look_like,
    needs_browser,
    open_browser,
    text_of,
)
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.cut_line import cut_line
from tests.support.fixtures import simulator_fixture
from tests.support.waiting import wait_until

pytestmark = needs_browser

PACE = ("--concurrency", "2", "--batch-size", "5", "--json", "--monitor-port", "0")
TEXTS = 150
LATENCY_MS = 100


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


simulator = simulator_fixture(latency_ms=LATENCY_MS)


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
    """150 chunks and a file that can't be read."""
    workspace = Workspace(tmp_path)
    workspace.use(simulator.environment)
    write_corpus(workspace.knowledge_base, documents=15, sections=10)
    (workspace.knowledge_base / "category_0" / "<b>bad.md").write_bytes(b"\xff\x00\x01")
    return workspace


def says(browser: webdriver.Chrome, element_id: str, words: str) -> None:
    """Wait until an element says that."""
    wait_until(lambda: words in text_of(browser, element_id))


def test_a_run_watched_from_start_to_end(
    workspace: Workspace, simulator: BackgroundSimulator, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    """Hung, it says why; going on, it shows what is done; ended, its figures are the report's."""
    workspace.use({"STALL_TIMEOUT": "2"})
    # Not before the browser is there is the run let go.
    simulator.configure(latency_ms=1_000)
    with workspace.start(*PACE, "--call-timeout", "6") as running:
        url = monitor_of(running)
        look_like(browser, DESKTOP, dark=False)
        browser.get(url)
        says(browser, "collection", "waypoint_kb_simulated")
        simulator.configure(latency_ms=LATENCY_MS)
        wait_until(lambda: simulator.stats().texts_answered >= 40)
        simulator.configure(faults={"hang": 1.0})
        says(browser, "status", "stalled")
        says(browser, "banner", "embed has not moved")
        says(browser, "announce", "calls to the service are not answered")
        check_looks(browser, tmp_path)
        check_keyboard(browser)
        check_tree(browser)
        assert KEY not in browser.page_source
        simulator.configure(faults={}, latency_ms=50)
        says(browser, "banner", "The run has ended")
        outcome = running.wait()
    report = outcome.report
    assert report["texts_embedded"] == TEXTS
    assert text_of(browser, "status") == "ended"
    assert "with exit code 1" in text_of(browser, "banner")
    check_figures(browser, report)
    assert "category_0/<b>bad.md" in text_of(browser, "rejects")
    assert "category_" in text_of(browser, "latest")
    # It does not look for the run again: nothing is asked for, so nothing fails.
    assert complaints(browser) == []


def check_figures(browser: webdriver.Chrome, report: dict[str, Any]) -> None:
    """What the page says at the end is what the report says."""
    documents, chunks = figures_of(browser, "documents"), figures_of(browser, "chunks")
    for name, count in report["documents"].items():
        assert documents[name.replace("_", " ")] == f"{count:,}"
    for name, count in report["chunks"].items():
        assert chunks[name.replace("_", " ")] == f"{count:,}"
    cost = figures_of(browser, "cost")
    assert cost["so far"] == f"${report['cost_usd']:.4f}"
    assert cost["texts embedded"] == f"{report['texts_embedded']:,}"
    assert cost["tokens embedded"] == f"{report['tokens_embedded']:,}"
    calls = figures_of(browser, "calls")
    assert calls["answered"] == f"{report['calls']['answered']:,}"
    for reason, count in report["retries_by_reason"].items():
        assert calls[f"again: {reason}"] == f"{count:,}"


def check_looks(browser: webdriver.Chrome, folder: Path) -> None:
    """Nothing runs out of the page's sides, in any shape; the colours are those asked for."""
    grounds = set()
    for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for dark in (False, True):
            look_like(browser, size, dark=dark)
            browser.save_screenshot(str(folder / f"{name}-{'dark' if dark else 'light'}.png"))
            across, room, ground, text = browser.execute_script(
                "const style = getComputedStyle(document.body);"
                "return [document.documentElement.scrollWidth, innerWidth,"
                " style.backgroundColor, style.color]"
            )
            assert across <= room == size[0]
            grounds.add((ground, text))
    assert len(grounds) == 2
    look_like(browser, DESKTOP, dark=False)


def check_keyboard(browser: webdriver.Chrome) -> None:
    """Tab reaches everything that can be used, each shows that it has the focus."""
    reached: list[str] = []
    for _ in range(12):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        name, outline = browser.execute_script(
            "const e = document.activeElement;"
            "return [e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')"
            " || e.textContent, getComputedStyle(e).outlineStyle]"
        )
        if name in reached or name.startswith("Waypoint") or len(name) > 80:
            break
        assert outline == "solid", name
        reached.append(name)
        if name == "The figures as a table":
            browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert reached == [
        "Skip to the figures",
        "The figures as a table",
        "Pace as a table",
        "h-rejects",
        "h-warnings",
        "h-latest",
        "metrics",
        "health",
    ]
    assert browser.find_element(By.TAG_NAME, "details").get_attribute("open")
    assert "texts/s" in browser.find_element(By.TAG_NAME, "details").text


def check_tree(browser: webdriver.Chrome) -> None:
    """What a screen reader is given: headings, the bar's value, the chart in words, the queues."""
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]
    headings = {name for role, name in named if role == "heading"}
    assert {"Progress", "Pipeline", "Pace", "Quota", "Cost", "Latest rejects"} <= headings
    bars = [node for node in nodes if node.get("role", {}).get("value") == "progressbar"]
    (bar,) = bars
    assert bar["name"]["value"] == "Chunks with their vector"
    assert 0 < float(bar["value"]["value"]) < 1
    assert any(role == "image" and "Texts embedded a second" in name for role, name in named)
    words = " ".join(name for role, name in named if role == "StaticText")
    assert "queue to_embed:" in words
    assert all(stage in words for stage in ("discover", "embed", "write"))


def test_a_page_survives_a_cut_line(
    workspace: Workspace, simulator: BackgroundSimulator, browser: webdriver.Chrome
) -> None:
    """It says so and comes back by itself; a wait for quota and a stop are told in words."""
    workspace.use({"QUOTA_RPM": "60"})
    with workspace.start(*PACE) as running:
        port = httpx2.URL(monitor_of(running)).port
        assert port is not None
        with cut_line(port) as line:
            browser.get(f"http://127.0.0.1:{line.port}/")
            says(browser, "doing", " of 60 texts this minute")
            assert text_of(browser, "status") == "waiting"
            assert "of 60" in text_of(browser, "quota")
            line.cut()
            says(browser, "status", "no connection")
            says(browser, "banner", "No connection to the run")
            line.mend()
            says(browser, "status", "waiting")
            assert not browser.find_element(By.ID, "banner").is_displayed()
            running.signal(signal.SIGINT)
            says(browser, "banner", "with exit code 130")
            assert "the same command again" in text_of(browser, "banner")
        assert running.wait().code == 130
