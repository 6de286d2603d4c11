"""What documents say of a setting is what ``Settings`` says: its name, help, default and range."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from tests.support.command import PROJECT
from waypoint.cli import main
from waypoint.settings import FACTS, SettingFacts, Settings
from waypoint.settings.renamed import OPTIONS, VARIABLES

README = (PROJECT / "README.md").read_text()
EXAMPLE = (PROJECT / ".env.example").read_text()
USERS = [facts for facts in FACTS.values() if not facts.internal]


def plain(text: str) -> str:
    """Without Markdown's marks, with a small letter in front."""
    text = text.replace("`", "").strip()
    return text[:1].lower() + text[1:]


def rows_of_readme() -> dict[str, list[str]]:
    """Option, variable, default and words of each row in the two tables, by variable."""
    section = README.partition("## Options of `ingest`")[2].partition("**Quota.**")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.replace("`", "").strip() for cell in line[1:-1].split("|")] for line in lines]
    return {row[-3]: ["", *row][-4:] for row in rows if row[-3].isupper()}


def entries_of_example() -> dict[str, tuple[str, str]]:
    """Comment and value of each line ``# NAME=value``."""
    found: dict[str, tuple[str, str]] = {}
    comment = ""
    for line in EXAMPLE.splitlines():
        if entry := re.fullmatch(r"# ([A-Z_]+)=(.*)", line):
            found[entry[1]] = (comment, entry[2])
            comment = ""
        elif line.startswith("# "):
            comment = f"{comment} {line[2:]}".strip()
        else:
            comment = ""
    return found


@pytest.mark.parametrize("facts", USERS, ids=lambda facts: facts.variable)
def test_the_readme_has_a_row_for_each_setting(facts: SettingFacts) -> None:
    """With its option, variable and default, and with its help as the first words."""
    option, variable, default, told = rows_of_readme()[facts.variable]
    assert (option, variable) == (facts.option.partition("/")[0], facts.variable)
    assert default == facts.default
    assert plain(told).startswith(plain(facts.help))
    assert all(bounds == facts.range for bounds in re.findall(r"[\d,]+ to [\d,]+$", told))


def test_the_readme_has_no_other_row() -> None:
    """A row of a setting that is gone would stay for ever."""
    assert rows_of_readme().keys() == {facts.variable for facts in USERS}


@pytest.mark.parametrize("facts", USERS, ids=lambda facts: facts.variable)
def test_the_example_has_a_line_for_each_setting(facts: SettingFacts) -> None:
    """Below its help, and its range and unnamed default if it has them."""
    comment, value = entries_of_example()[facts.variable]
    assert comment.startswith(facts.help)
    assert facts.range in comment
    assert value == facts.default or (not value and facts.default in comment)


def test_the_example_as_it_stands_is_the_default(tmp_path: Path) -> None:
    """Every line of it uncommented changes nothing."""
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^# (?=[A-Z_]+=.)", "", EXAMPLE))
    given = {name.lower(): value for name, value in dotenv_values(file).items()}
    settings: dict[str, Any] = {name: given[name] for name in given.keys() & FACTS.keys()}
    assert len(settings) > 20
    del settings["knowledge_base_dir"]
    assert Settings(**settings) == Settings()


def test_the_example_has_no_other_setting() -> None:
    """But for what Docker Compose alone reads."""
    of_compose = EXAMPLE.partition("# --- Docker Compose only")[2]
    others = entries_of_example().keys() - {facts.variable for facts in USERS}
    assert all(f"# {name}=" in of_compose for name in others)


def test_the_compose_file_passes_each_setting_on() -> None:
    """Also those by an old name, which the run is to refuse; its defaults are no others."""
    compose: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    passed = compose["x-worker"]["environment"]
    settings = {facts.variable for facts in FACTS.values()} - {"IN_CONTAINER"}
    assert passed.keys() == settings | VARIABLES.keys()
    for name, value in passed.items():
        if default := re.fullmatch(rf"\$\{{{name}:-(.*)\}}", str(value)):
            assert name == "KNOWLEDGE_BASE_DIR" or default[1] == FACTS[name.lower()].default
    fixed = {name for name, value in passed.items() if value and "$" not in str(value)}
    assert fixed == {
        "CHROMA_PERSIST_PATH", "KNOWLEDGE_BASE_PATH", "LOG_DIR", "METRICS_HOST", "METRICS_PORT",
    }  # fmt: skip


@pytest.mark.parametrize("document", [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
def test_no_document_has_an_old_name(document: Path) -> None:
    """But for the changelog, which says what it became."""
    text = document.read_text()
    if document.name != "CHANGELOG.md":
        assert [name for name in VARIABLES if name in text] == []
        assert [option for _, option in OPTIONS if f"{option}`" in text] == []


@pytest.mark.parametrize(("old", "new"), VARIABLES.items())
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_an_old_variable_is_refused_with_its_new_name(
    old: str,
    new: str,
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In either place, in any case; one that is empty says nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KNOWLEDGE_BASE_PATH", str(tmp_path))
    for name in (old, old.lower()):
        if where == ".env":
            Path(".env").write_text(f"{name}=1\n")
        else:
            monkeypatch.setenv(name, "1")
        with pytest.raises(SystemExit) as ended:
            main(["ingest", "--dry-run"])
        told = capsys.readouterr().err
        assert ended.value.code == 2
        assert f"{name} in {'the ' if where == 'environment' else ''}{where}" in told
        assert f"is now called {new}" in told
        monkeypatch.delenv(name, raising=False)
    Path(".env").write_text(f"{old}=\n")
    monkeypatch.setenv(old, "")
    with pytest.raises(SystemExit) as ended:
        main(["ingest", "--dry-run"])
    assert ended.value.code == 0
    assert new.lower() in Settings.model_fields


@pytest.mark.parametrize(("command", "old", "new"), [(*key, new) for key, new in OPTIONS.items()])
def test_an_old_option_is_refused_with_its_new_name(
    command: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """However it is written; and the new one is an option of the command."""
    for given in ([old], ["--verbose", old], [f"{old}=yes"]):
        with pytest.raises(SystemExit) as ended:
            main([command, *given])
        assert ended.value.code == 2
        assert f"{old} of {command} is now called {new}" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert new in capsys.readouterr().out
