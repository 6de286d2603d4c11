"""Keys, passwords and refused texts: in nothing that is written, and with no child."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import orjson
import psutil
import pytest

from tests.acceptance.test_monitor import monitor_of
from tests.support.background_simulator import background_simulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from tests.support.hostile_server import HostileAnswer, hostile_server
from tests.support.office_files import pdf_file
from tests.support.waiting import wait_until

KEY = "AIzaSy-Echoed-Back-4711"
CHILDREN = ("chroma_server.py", "worker_main", "waypoint.simulator")
URL_PASSWORD, PROXY_PASSWORD = "tell-nobody-1", "p%40ss-word-2"
TEXT = "The quince marmalade is kept behind the third loose brick."
SECRETS = (KEY, URL_PASSWORD, PROXY_PASSWORD, "p@ss-word-2", TEXT, TEXT[10:40])


def telltale(_method: str, path: str, body: bytes) -> HostileAnswer:
    """A service that refuses one text, and says back all that it was told."""
    if "batchEmbedContents" not in path:
        return HostileAnswer([orjson.dumps({"name": "m", "displayName": "Gemini"})])
    requests = json.loads(body)["requests"]
    if TEXT.encode() not in body:
        vectors = [{"values": [1.0] + [0.0] * 767} for _ in requests]
        return HostileAnswer([orjson.dumps({"embeddings": vectors})])
    said = requests[0]["content"]["parts"][0]["text"] if len(requests) == 1 else "a text"
    message = f"{KEY} {PROXY_PASSWORD} p@ss-word-2 http://u:{URL_PASSWORD}@h/?key={KEY} {said}"
    told = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": message}}
    return HostileAnswer([orjson.dumps(told)], 400)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two documents, one of which is refused, and secrets in whatever may hold one."""
    made = Workspace(tmp_path)
    (made.knowledge_base / "a.md").write_text(f"# Note\n\n{TEXT}\n")
    (made.knowledge_base / "b.md").write_text("# Other\n\nOf no interest.\n")
    with hostile_server(telltale) as port:
        made.use(
            {
                "GOOGLE_API_KEY": KEY,
                "GOOGLE_GEMINI_BASE_URL": f"http://u:{URL_PASSWORD}@127.0.0.1:{port}",
                "HTTPS_PROXY": f"http://me:{PROXY_PASSWORD}@127.0.0.1:9",
                "LOG_LEVEL": "DEBUG",
            }
        )
        yield made


def assert_no_secret(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text]


def test_a_service_that_says_everything_back_is_not_repeated(workspace: Workspace) -> None:
    """Log, report, rejects, terminal, ledger, page: the reason without key, password and text."""
    done = workspace.run("--verbose", "--json", "--quota-tier", "3")
    assert done.code == 1
    (reject,) = done.report["rejects"]
    assert reject["reason"].startswith("400 INVALID_ARGUMENT: ")
    page = ("verify", "--html", "logs/page.html", "--check", "integrity")
    shown = [done.stdout, done.stderr]
    for command in (page, ("status",)):
        other = workspace.run(*command[1:], entry=("-m", "waypoint", command[0]))
        shown += [other.stdout, other.stderr]
    for text in shown:
        assert_no_secret(text)
    for path in [*workspace.logs.iterdir(), *workspace.store.glob("waypoint*")]:
        if path.suffix not in (".sqlite3", ".sqlite3-wal"):
            assert_no_secret(path.read_text())
        else:
            assert not [s for s in SECRETS if s.encode() in path.read_bytes()], path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_GEMINI_BASE_URL", f"ftp://u:{URL_PASSWORD}@host/?key={KEY}"),
        ("CHROMA_HOST", f"http://u:{URL_PASSWORD}@host:8000/?token={KEY}"),
        ("CHROMA_HOST", f"u:{URL_PASSWORD}@host"),
        ("HTTPS_PROXY", f"socks5://u:{URL_PASSWORD}@host"),
        ("ALL_PROXY", f"http://u:{URL_PASSWORD}@[host"),
        ("GOOGLE_API_KEY", f"{KEY} {URL_PASSWORD}"),
    ],
)
def test_a_setting_that_is_refused_is_told_without_its_secrets(
    workspace: Workspace, name: str, value: str
) -> None:
    """With what is wrong, and where; also where a traceback was asked for."""
    workspace.use({name: value})
    refused = workspace.run("--verbose")
    assert refused.code == 2
    assert name in refused.stderr
    assert_no_secret(refused.stderr)


def test_no_child_is_told_a_secret(tmp_path: Path) -> None:
    """As /proc has it: the private server, a parser, the simulator; nor is the monitor."""
    workspace = Workspace(tmp_path)
    write_corpus(workspace.knowledge_base, documents=4, sections=5)
    (workspace.knowledge_base / "a.pdf").write_bytes(pdf_file(["A page."]))
    secrets = {
        "GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": KEY, "AWS_SECRET_ACCESS_KEY": KEY,
        "GITHUB_TOKEN": KEY, "PGPASSWORD": KEY, "DATABASE_URL": f"postgres://me:{KEY}@db/x",
        "HTTPS_PROXY": f"http://me:{KEY}@proxy.example:9", "ALL_PROXY": f"http://{KEY}@127.0.0.1:9",
        "GOOGLE_APPLICATION_CREDENTIALS": f"/{KEY}.json", "SOMETHING_ELSE": KEY,
    }  # fmt: skip
    environments: dict[str, str] = {}
    with background_simulator(latency_ms=200) as service:
        workspace.use({**service.environment, **secrets})
        with workspace.start("--simulate", "--monitor-port", "0", "--batch-size", "1") as running:

            def all_seen() -> bool:
                for child in running.children():
                    # Of one that has just ended, or only begins, nothing is to be had.
                    with suppress(psutil.Error):
                        command = " ".join(child.cmdline())
                        name = next((name for name in CHILDREN if name in command), "")
                        environments[name] = "\n".join(child.environ().values())
                return all(environments.get(name) for name in CHILDREN)

            wait_until(all_seen)
            url = monitor_of(running)
            for path in ("/", "/health", "/metrics"):
                assert KEY not in httpx2.get(f"{url}{path}", trust_env=False).text
    assert not [name for name in CHILDREN if KEY in environments[name]]
