"""``config`` and ``init``: what the settings are, and a file to write them in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from waypoint.cli import main
from waypoint.settings import FACTS, Settings, load_settings

KEY = "AIzaSyA-key-that-must-not-be-seen"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder, and an environment without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_each_setting_is_shown_with_its_origin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As text and as JSON; a key is masked."""
    (folder / "waypoint.toml").write_text("concurrency = 3\n")
    (folder / ".env").write_text(f"GOOGLE_API_KEY={KEY}\nEXCLUDE=a,b\n")
    monkeypatch.setenv("CONTEXT_HEADERS", "yes")
    assert run("config") == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.partition("=")[0] for line in lines} == {
        facts.variable for facts in FACTS.values() if not facts.internal
    }
    assert "CONCURRENCY=3  (waypoint.toml line 1)" in lines
    assert "GOOGLE_API_KEY=***  (.env line 1)" in lines
    assert "EXCLUDE=a,b  (.env line 2)" in lines
    assert "CONTEXT_HEADERS=true  (environment)" in lines
    assert "QUOTA_RPM=the tier's  (default)" in lines
    assert run("config", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["EXCLUDE"] == {"value": ["a", "b"], "from": ".env line 2"}
    assert shown["GOOGLE_API_KEY"]["value"] == "***"
    assert shown["QUOTA_RPM"] == {"value": None, "from": "default"}


def test_a_file_is_written_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands it says nothing; every line of it uncommented says the defaults."""
    assert run("init") == 0
    file = folder / "waypoint.toml"
    text = file.read_text()
    assert load_settings() == Settings()
    file.write_text(re.sub(r"(?m)^# (?=\w+ = .)", "", text))
    assert load_settings() == Settings()
    assert len(load_settings().model_fields_set) > 20
    assert run("init") == 2
    assert "there is a waypoint.toml already" in capsys.readouterr().err
    assert "google_api_key =" not in text
