"""A real browser without a window: Debian's Chromium, driven by its ChromeDriver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Chromium: apt-get install chromium chromium-driver",
)

DESKTOP, PHONE = (1200, 1500), (390, 844)

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_browser(folder: Path) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile below ``folder``; it and its driver end with the context."""
    assert CHROMIUM is not None
    assert DRIVER is not None
    options = Options()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()


def look_like(browser: webdriver.Chrome, size: tuple[int, int], *, dark: bool) -> None:
    """Take the shape and the colours of a device."""
    width, height = size
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def text_of(browser: webdriver.Chrome, element_id: str) -> str:
    """What an element says, shown or not."""
    text: str = browser.execute_script(
        "return document.getElementById(arguments[0]).textContent", element_id
    )
    return text


def figures_of(browser: webdriver.Chrome, list_id: str) -> dict[str, str]:
    """A list of terms and their figures."""
    pairs: list[tuple[str, str]] = browser.execute_script(
        "return [...document.getElementById(arguments[0]).querySelectorAll('dt')]"
        ".map((term) => [term.textContent, term.nextElementSibling.textContent])",
        list_id,
    )
    return dict(pairs)


def complaints(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """What the page's console holds: errors of scripts, refusals by the page's own policy."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return entries
