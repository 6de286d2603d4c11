"""One bad file or text costs itself, and is named for as long as it stands."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.support.background_simulator import background_simulator
from tests.support.collection import assert_holds, chunks_of, read_embedded
from tests.support.command import Workspace
from tests.support.corpus import write_corpus
from waypoint.ingestion.canary import CANARY_TEXT

UNDECODABLE = b"\x00\x01\x02\xff\xfe\x80 no text at all \x00"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named, the rest is ingested, and the exit code is 1 until it is mended or gone."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=3, sections=2)
    good = chunks_of(base)
    bad = base / "category_0" / "bad.md"
    bad.write_bytes(UNDECODABLE)
    report = workspace.report_of("--simulate", code=1)
    assert [reject["source"] for reject in report["rejects"]] == ["category_0/bad.md"]
    assert (report["documents"]["ingested"], report["standing_rejects"]) == (3, 1)
    assert_holds(read_embedded(workspace.store, workspace.logs), good)

    assert workspace.report_of("--simulate", "--dry-run", code=1)["rejected"] == 1
    again = workspace.run("--simulate")
    assert again.code == 1
    assert "rejected category_0/bad.md: " in again.stderr

    bad.write_text("Now it can be read.")
    assert workspace.report_of("--simulate")["documents"]["ingested"] == 1

    # What it held while it was well stays readable while it is not.
    whole = chunks_of(base)
    bad.write_bytes(UNDECODABLE)
    assert workspace.report_of("--simulate", code=1)["chunks"]["deleted"] == 0
    assert_holds(read_embedded(workspace.store, workspace.logs), whole)
    bad.unlink()
    gone = workspace.report_of("--simulate")
    assert (gone["documents"]["removed"], gone["standing_rejects"]) == (1, 0)
    assert_holds(read_embedded(workspace.store, workspace.logs), good)


def test_a_text_that_the_service_refuses(tmp_path: Path) -> None:
    """The chunk is rejected alone, out of a call of many, and its document is done without it."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    write_corpus(base, documents=4, sections=5)
    poisoned = base / "category_1" / "document_001.md"
    text = poisoned.read_text()
    poisoned.write_text(text.replace("## Section 2\n\n", "## Section 2\n\narsenic "))
    copy = base / "category_2" / "copy.md"
    copy.write_bytes(poisoned.read_bytes())
    chunks = chunks_of(base)
    with background_simulator(poison="arsenic") as simulator:
        workspace.use(simulator.environment)
        report = workspace.report_of(code=1)
        rejected = {key for key, chunk in chunks.items() if "arsenic" in chunk.text}
        assert {reject["chunk"] for reject in report["rejects"]} == rejected
        assert report["chunks"]["rejected"] == len(rejected) == 2
        # The canary shows that it is the text and not the request; it costs as well.
        answers = simulator.answers()
        controls = answers.pop(sha256(CANARY_TEXT.encode()).hexdigest())
        assert (len(answers), set(answers.values())) == (19, {1})
        assert report["texts_embedded"] == 19 + controls
        good = {key: chunk for key, chunk in chunks.items() if key not in rejected}
        assert_holds(read_embedded(workspace.store, workspace.logs), good)

        simulator.reset()
        again = workspace.report_of(code=1)
        assert (again["calls"]["started"], again["standing_rejects"]) == (0, 2)
        copy.unlink()
        poisoned.write_text(text)
        assert workspace.report_of()["texts_embedded"] == 1
        assert set(simulator.answers().values()) == {1}
    assert_holds(read_embedded(workspace.store, workspace.logs), chunks_of(base))
