"""Attachments of messages, told or read as documents of their own, run by run."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

from tests.support.collection import read_embedded
from tests.support.command import VERIFY, Workspace


def put(base: Path, subject: str, files: dict[str, str], *, broken: bool = False) -> None:
    """A message with these files, of long ago: one of just now is read again."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "ada@sund.example", subject
    mail.set_content("See below.")
    for name, text in files.items():
        mail.add_attachment(text, filename=name)
    if broken:
        mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="b.pdf")
    (base / "mail.eml").write_bytes(bytes(mail))
    os.utime(base / "mail.eml", (1e9, 1e9 + len(subject)))


def stored(workspace: Workspace) -> dict[str, object]:
    """The subject that each document's chunks have in the collection."""
    records = read_embedded(workspace.store, workspace.logs).records.values()
    return {str(each.metadata["source"]): each.metadata.get("subject") for each in records}


def test_attachments_come_and_go_with_their_message(tmp_path: Path) -> None:
    """Read once they are asked for, kept in mind, changed and removed with the message."""
    workspace = Workspace(tmp_path)
    base = workspace.knowledge_base
    (base / "plain.md").write_text("Nothing comes with it.\n")
    os.utime(base / "plain.md", (1e9, 1e9))
    put(base, "Dues", {"a.txt": "Berths are due.", "b.txt": "Tides are not."}, broken=True)
    told = workspace.report_of("--simulate")
    assert told["documents"]["ingested"] == 2
    assert [each["warning"] for each in told["warnings"]] == ["attachments not read: 3"]

    read = workspace.report_of("--simulate", "--attachments=read", code=1)
    assert (read["documents"]["ingested"], read["documents"]["unchanged"]) == (2, 2)
    assert (read["documents"]["found"], read["documents"]["rejected"]) == (5, 1)
    assert read["rejects"][0]["source"] == "mail.eml/b.pdf"
    within = {"mail.eml/a.txt": "Dues", "mail.eml/b.txt": "Dues"}
    assert stored(workspace) == {"mail.eml": "Dues", "plain.md": None, **within}

    # Another subject is other metadata, of texts that were embedded before.
    put(base, "Old dues", {"a.txt": "Berths are due.", "c.txt": "Tides are not."})
    changed = workspace.report_of("--simulate")
    assert (changed["texts_embedded"], changed["documents"]["removed"]) == (1, 1)
    within = {"mail.eml/a.txt": "Old dues", "mail.eml/c.txt": "Old dues"}
    assert stored(workspace) == {"mail.eml": "Old dues", "plain.md": None, **within}
    verdict = workspace.run(entry=VERIFY)
    assert verdict.code == 0, verdict.stdout

    # A message that can't be read keeps what was read of it.
    (base / "mail.eml").write_bytes(b"\n")
    assert workspace.report_of("--simulate", code=1)["documents"]["removed"] == 0
    (base / "mail.eml").unlink()
    gone = workspace.report_of("--simulate", "--allow-mass-delete")
    assert gone["documents"]["removed"] == 3
    assert stored(workspace) == {"plain.md": None}
