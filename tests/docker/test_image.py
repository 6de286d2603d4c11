"""The image as it was built, and what the build could see."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.docker.conftest import PLANTED, SECRET
from tests.docker.project import IMAGE_USER, docker, inspect
from waypoint import __version__

pytestmark = pytest.mark.docker

MOST_BYTES = 550_000_000
"""Of the image; 800 MB is what may never be exceeded."""
MOST_CONTEXT_BYTES = 3_000_000
LEFT_OUT = "build filelock hf_xet huggingface_hub kubernetes onnxruntime tokenizers tqdm watchfiles"

LIBRARIES = """
import chromadb
from google import genai
from chromadb.utils.embedding_functions import GoogleGeminiEmbeddingFunction

found = chromadb.PersistentClient("/tmp/store").create_collection("fruit")
found.add(ids=["apple", "pear"], embeddings=[[1, 0], [0, 1]], documents=["apple", "pear"])
print(found.query(query_embeddings=[[0.1, 1]], n_results=1)["ids"][0][0])
print(genai.Client(api_key="any").aio.models is not None)
print(chromadb.AsyncHttpClient is not None)
"""


def test_configuration(image: str) -> None:
    """User, folder, entrypoint, labels and healthcheck are there, and no secret is."""
    config = inspect(image, "Config")
    assert config["User"] == f"{IMAGE_USER}:{IMAGE_USER}"
    assert config["WorkingDir"] == "/app"
    assert config["Entrypoint"] == ["python", "scripts/ingest.py"]
    assert "PYTHONUNBUFFERED=1" in config["Env"]
    assert config["Labels"]["org.opencontainers.image.title"] == "Waypoint"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert config["Healthcheck"]["Test"][-1] == "scripts/healthcheck.py"
    made = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert SECRET not in made + str(config)


def test_size(image: str) -> None:
    """The image stays clearly under its limit."""
    assert int(inspect(image, "Size")) < MOST_BYTES


def test_context(clone: Path) -> None:
    """The build is shown the program, its requirements, the licence and the README: no more."""
    dockerfile = b"FROM scratch\nCOPY . /\n"
    (clone / "context.Dockerfile").write_bytes(dockerfile)
    command = ["docker", "buildx", "build", "--quiet", "--file", "context.Dockerfile"]
    done = subprocess.run(
        [*command, "--output", "type=tar,dest=-", "."], cwd=clone, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=BytesIO(done.stdout)) as context:
        files = {member.name: member.size for member in context if member.isfile()}
        texts = [context.extractfile(name) for name in files]
        assert not any(SECRET.encode() in text.read() for text in texts if text is not None)
    assert not files.keys() & set(PLANTED)
    assert {name.split("/")[0] for name in files} == {
        "LICENSE", "README.md", "requirements-ocr.txt", "requirements.txt", "scripts", "waypoint",
    }  # fmt: skip
    assert [name for name in files if name.endswith(".md")] == ["README.md"]
    assert sum(files.values()) < MOST_CONTEXT_BYTES


def test_contents(image: str) -> None:
    """In it are no tool to build with, no cache, none of the planted files, and what isn't used."""
    listing = (
        "id -u; id -un; ls -A /app; ls /opt/venv/bin; ls -A /root /tmp /opt;"
        "ls /opt/venv/lib/python3.11/site-packages; command -v gcc uv || true;"
        f"grep -rl {SECRET} /app /opt || true"
    )
    found = docker("run", "--rm", "--entrypoint", "sh", image, "-c", listing).split()
    assert found[:2] == [str(IMAGE_USER), "waypoint"]
    assert found[2:8] == ["LICENSE", "README.md", "chroma_db", "logs", "scripts", "waypoint"]
    names = {Path(name).name for name in found}
    assert not {"pip", "uv", "pytest", "ruff", "mypy", "gcc", "matplotlib", ".cache"} & names
    assert not set(LEFT_OUT.split()) & names


def test_libraries_work_without_what_was_left_out(image: str) -> None:
    """Chroma's clients and Gemini's load, and an embedded collection can be asked."""
    hardened = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")
    python = ("--entrypoint", "python", image, "-c", LIBRARIES)
    assert docker("run", "--rm", *hardened, *python).split() == ["pear", "True", "True"]


def test_without_mounts_it_says_what_is_missing(image: str) -> None:
    """Run bare, it names the setting that mounts a folder, and the demo."""
    done = subprocess.run(
        ["docker", "run", "--rm", image, "--dry-run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "KNOWLEDGE_BASE_DIR" in done.stderr
    assert "run --rm demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_bytecode_is_there_for_what_a_run_loads(image: str) -> None:
    """A command compiles next to nothing at its start: the image's user couldn't keep it."""
    compiled = (
        "cp -r /opt/bytecode /tmp/bytecode; export PYTHONPYCACHEPREFIX=/tmp/bytecode;"
        "find /tmp/bytecode -name '*.pyc' | wc -l;"
        "python scripts/ingest.py /app/scripts --simulate --json >/dev/null 2>&1;"
        "find /tmp/bytecode -name '*.pyc' | wc -l"
    )
    script = ("--rm", "--entrypoint", "sh", image, "-c", compiled)
    before, after = map(int, docker("run", *script).split())
    assert before > 1000
    assert after - before < before // 20
