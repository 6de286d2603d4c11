"""Others' words: escape sequences, marks of direction and markup in documents and names."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.support.background_simulator import BackgroundSimulator
from tests.support.command import Workspace
from tests.support.fixtures import simulator_fixture
from tests.support.office_files import changed_zip, docx_file
from tests.support.pty_command import on_a_terminal, without_own_sequences
from waypoint.sanitize import visible

NASTY = (
    "\x1b[5;41mCSI \x1b]0;OSC\x07 \x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\ "
    "\x1b]52;c;T1NDNTI=\x07 \x1bPDCS\x1b\\ C1\x9b5;41m\x9d0;x\x9c BEL\x07 BS\b\b CR\r "
    "bidi\u202eexe\u202c\u2066x\u2069\u200f tag\U000e0041 zero\u200bwidth [red]markup[/red]"
)
INSPECT = ("-m", "waypoint", "inspect")
NAME = "[bold]note\u202egpj\u200b.md"


simulator = simulator_fixture()
"""A service that refuses one text, with words that are as nasty."""


@pytest.fixture
def workspace(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
    """Documents of several formats, each with what a terminal would obey wherever it may stand."""
    made = Workspace(tmp_path)
    made.use(simulator.environment)
    base = made.knowledge_base
    quoted = NASTY.translate(dict.fromkeys(range(32)))
    (base / NAME).write_text(
        f'---\ntitle: "{quoted}"\n---\n# {NASTY}\n\nThe orchid asks {NASTY} for shade.\n'
    )
    (base / "rows.jsonl").write_text(
        "".join(f"{each}\n" for each in (
            orjson.dumps({"id": f"\u202e{1}", "text": NASTY, "author": NASTY}).decode(),
            f"{{'{NASTY}",
        ))
    )  # fmt: skip
    (base / f"{NASTY[:9].replace('/', '')}.md").write_text("a name with an escape")
    (base / "\u202etorn\u2028.html").write_bytes(b"\xff\xfe\x00" + NASTY.encode())
    broken = {f"word/{NASTY}.xml": b"", "word/document.xml": b"<a>" + NASTY.encode()}
    (base / "member.docx").write_bytes(changed_zip(docx_file(), lambda parts: parts.update(broken)))
    (base / "whole.docx").write_bytes(docx_file())
    return made


def assert_harmless(shown: str) -> None:
    """No sequence but the display's own, nothing invisible, and markup as it stands."""
    assert "\x1b[5;41m" not in shown
    left = without_own_sequences(shown)
    assert visible(left) == left


def assert_all_is_harmless(workspace: Workspace, commands: dict[tuple[str, ...], str]) -> None:
    """Each command, on a terminal, shows what is expected of it and nothing that is obeyed."""
    for command, told in commands.items():
        _, shown = on_a_terminal(workspace, *command, width=400)
        assert_harmless(shown)
        assert told in shown, command


def test_a_terminal_obeys_nothing_of_a_document_or_a_name(workspace: Workspace) -> None:
    """What ingest, search and argument errors show of it are escapes, and markup as it stands."""
    code, shown = on_a_terminal(workspace, "ingest", width=400)
    assert_harmless(shown)
    assert code == 1
    assert "rejected member.docx: " in shown
    assert "\\u202etorn\\u2028.html: the name contains a line end" in shown
    commands: dict[tuple[str, ...], str] = {
        ("search", "who asks for shade?"): "\\x1b]52;c;T1NDNTI=\\x07",
        ("search", f"--{NASTY}"): "no such option: --\\x1b[5;41m",
    }
    assert_all_is_harmless(workspace, commands)


@pytest.mark.slow
def test_nor_does_it_of_any_other_command(workspace: Workspace) -> None:
    """Verdict, page, status, cache, plan, benchmark, simulator, errors and tracebacks."""
    on_a_terminal(workspace, "ingest")
    file = str(workspace.knowledge_base / NAME)
    commands = {
        ("inspect", file): "[red]markup[/red]",
        ("inspect", str(workspace.knowledge_base / "rows.jsonl")): "rejected",
        ("verify", "--html", "page.html", "--check", "integrity"): "PASS",
        ("verify", "--check", NASTY): "there is no check '\\x1b[5;41m",
        ("status",): "waypoint_kb",
        ("cache",): "vectors",
        ("ingest", "--dry-run"): "\\u202etorn",
        ("ingest", f"gone{NASTY}", "--verbose"): "gone\\x1b[5;41m",
        ("ingest", "--collection", NASTY): "COLLECTION_NAME",
        ("ingest", "--include", NASTY): "",
        ("search", "x", "--where", NASTY): "",
        ("search", "x", "--collection", f"a{NASTY}"): "COLLECTION_NAME",
        ("benchmark", "--chunks", NASTY): "\\x1b[5;41m",
        ("benchmark", "pace", "--tiers", NASTY): "\\x1b[5;41m",
        ("simulate", "--fault", NASTY): "\\x1b[5;41m",
        ("simulate", "--host", NASTY): "\\x1b[5;41m",
        ("ingest", "--monitor-port", "0", "--monitor-host", NASTY): "no monitor: cannot listen on",
        (NASTY,): "\\x1b[5;41m",
    }
    assert_all_is_harmless(workspace, commands)
    page = (workspace.folder / "page.html").read_text()
    assert visible(page) == page
    for name in ("LOG_DIR", "CHROMA_PERSIST_PATH", "GOOGLE_GEMINI_BASE_URL", "CHROMA_HOST",
                 "EMBEDDING_MODEL", "QUOTA_TIER", "HTTPS_PROXY", "SSL_CERT_FILE"):  # fmt: skip
        before = dict(workspace.environment)
        workspace.use({name: NASTY.replace("\x00", "")})
        assert_all_is_harmless(workspace, {("ingest", "--verbose"): ""})
        workspace.environment = before


def test_machines_read_it_whole_and_print_it_safely(workspace: Workspace) -> None:
    """JSON of documents says what they say, with every control escaped."""
    done = workspace.run(str(workspace.knowledge_base / NAME), "--json", entry=INSPECT)
    (document,) = orjson.loads(done.stdout)["documents"]
    assert "\x1b]52;c;T1NDNTI=\x07" in document["chunks"][0]["text"]
    assert "\u202e" in document["source"]
    assert visible(done.stdout) == done.stdout
