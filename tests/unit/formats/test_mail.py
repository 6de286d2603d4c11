# ruff: noqa: E501 - an element of XML a line
"""Messages: who wrote what to whom."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.support.office_files import word_file
from tests.support.reading import assert_sound, read_all, read_one, reject_of
from waypoint.formats.markup import mail_attachments
from waypoint.formats.registry import (
    ParsedDocument,
    ReaderOptions,
    RejectedRecord,
    default_registry,
)

HEADER = (
    "From: =?utf-8?q?Ada_Qu=C3=ADll?= <ada@sund.example>\r\nTo: Bo <bo@sund.example>,\r\n"
    " Cy <cy@sund.example>\r\nSubject: Harbour =?utf-8?b?ZMO8ZXM=?=\r\n"
    "Date: Sat, 09 Mar 2024 13:30:00 +0100\r\n"
)


def read(data: bytes, name: str = "a.eml") -> ParsedDocument:
    parsed = read_one(name, data)
    assert_sound(parsed)
    return parsed


def message(plain: str | None, page: str | None = None) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["Subject"] = "ada@sund.example", "Dues"
    if plain is not None:
        made.set_content(plain)
    if page is not None:
        (made.add_alternative if plain is not None else made.set_content)(page, subtype="html")
    return made


def test_the_header_is_text_and_metadata() -> None:
    """Its words decoded, the date in ISO 8601; the subject is title and heading."""
    parsed = read((HEADER + "\r\nThey are due.\r\n\r\nAda\r\n").encode())
    assert parsed.text == (
        "# Harbour dües\n\nFrom: Ada Quíll <ada@sund.example>\n"
        "To: Bo <bo@sund.example>, Cy <cy@sund.example>\nDate: 2024-03-09T13:30:00+01:00\n\n"
        "They are due.\n\nAda"
    )
    assert parsed.title == "Harbour dües"
    assert parsed.metadata == {
        "from": "Ada Quíll <ada@sund.example>",
        "to": "Bo <bo@sund.example>, Cy <cy@sund.example>",
        "date": "2024-03-09T13:30:00+01:00",
        "subject": "Harbour dües",
    }


def test_the_plain_text_is_read_unless_the_page_says_more() -> None:
    """A plain part that only says that there is a page is no text of the message."""
    both = message("They are due.", "<p>They are <b>due</b>.</p>")
    assert read(bytes(both)).text.endswith("They are due.")
    page = "<h2>Dues</h2><table><tr><th>berth</th><th>fee</th></tr><tr><td>a</td><td>1</td></tr></table>"
    richer = read(bytes(message("See the page.", page)))
    assert "| berth | fee |" in richer.text
    assert [each.title for each in richer.headings] == ["Dues", "Dues"]
    assert read(bytes(message(None, "<p>Alone.</p>"))).text.endswith("Alone.")


def test_attachments_and_messages_within_are_told() -> None:
    """Not one of them is read, and no name of theirs is told."""
    made = message("See below.")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="secret.pdf")
    made.add_attachment("text", filename="b.txt")
    made.add_attachment(message("Forwarded."))
    parsed = read(bytes(made))
    assert parsed.text.endswith("See below.")
    assert parsed.warnings == ("attachments not read: 2", "messages within the message not read: 1")


def test_texts_are_decoded_as_the_message_says() -> None:
    """Quoted-printable, base64, and a page whose own charset is another."""
    made = EmailMessage()
    made["Subject"] = "x"
    made.set_content("<meta charset='koi8-r'><p>größer 10 €</p>", subtype="html", charset="cp1252")
    assert "größer 10 €" in read(bytes(made)).text
    quoted = b"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n"
    quoted += b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\ngr=F6=DFer\r\n"
    assert "größer" in read(quoted).text


def test_a_web_archive_is_its_page() -> None:
    """Without a header of its own in the text; images are told."""
    data = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<title>T</title><p>Page.</p>\r\n--b\r\n"
        b"Content-Type: image/png\r\n\r\nx\r\n--b--\r\n"
    )
    parsed = read(data, "a.mht")
    assert (parsed.text, parsed.title, parsed.warnings) == ("Page.", "T", ("images not read: 1",))


@pytest.mark.parametrize(
    "header",
    [
        b"Date: yesterday\r\n",
        b"From: \xff\xfe <@@>\r\n",
        b"Subject: =?utf-8?b?////?=\r\n",
        b"To: " + b"a@b.example, " * 3_000 + b"\r\n",
        b"Content-Type: text/plain; charset=none-such\r\n",
        b"Content-Type: multipart/mixed\r\n",
    ],
)
def test_headers_of_no_form_cost_themselves_alone(header: bytes) -> None:
    """The text is read all the same."""
    assert "The text." in read(header + b"X: y\r\n\r\nThe text.\r\n").text


def test_what_is_no_message_is_a_reject() -> None:
    """Nor is a message of very many parts, or one within another without end."""
    assert "it has no header" in reject_of("a.eml", b"\r\nJust text.").reason
    part = b"--b\r\n\r\nx\r\n"
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 1_200 + b"--b--\r\n"
    assert "more than 1,000 parts" in reject_of("a.eml", many).reason


def attached(mail: EmailMessage | bytes, **options: str) -> dict[str, ParsedDocument]:
    """The documents of a message whose attachments are read, by attachment and record."""
    documents = read_all("a.eml", bytes(mail), attachments="read", **options)
    for each in documents:
        assert_sound(each)
    return {"#".join(filter(None, (each.attachment, each.record))): each for each in documents}


def with_files(*files: tuple[str | None, str, bytes]) -> EmailMessage:
    """A message with these attachments: name, type and content of each."""
    made = message("See below.")
    for name, kind, content in files:
        main, sub = kind.split("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return made


def test_attachments_may_be_documents_of_their_own() -> None:
    """By their own readers, with the message's header beside their own fields."""
    word = word_file("<w:p><w:r><w:t>Berths are due.</w:t></w:r></w:p>")
    records = b'[{"id": "x", "text": "one", "subject": "own"}, {"id": "y", "text": "two"}]'
    made = with_files(
        ("Dues.docx", "application/octet-stream", word), ("l.json", "application/json", records)
    )
    found = attached(made)
    assert list(found) == ["", "Dues.docx", "l.json#x", "l.json#y"]
    assert found[""].warnings == ()
    assert found["Dues.docx"].text == "Berths are due."
    assert found["Dues.docx"].metadata == {"from": "ada@sund.example", "subject": "Dues"}
    assert found["l.json#x"].metadata == {"id": "x", "subject": "own", "from": "ada@sund.example"}
    assert len({each.digest for each in found.values()}) == 4
    made.replace_header("Subject", "Other dues")
    again = attached(made)
    assert all(again[name].digest != found[name].digest for name in found if name)


def test_names_of_attachments_tell_them_apart() -> None:
    """Whatever they are: given twice, none at all, or such as no file may have."""
    text = ("text/plain", b"words")
    found = attached(
        with_files(
            ("a.txt", *text), ("A.TXT", *text), ("a (2).txt", *text), (None, *text),
            ("../x/\tb#c.txt", *text), ("..", *text), ("n" * 300 + ".txt", *text),
            ("Ma\u0308rz.txt", *text),
        )
    )  # fmt: skip
    long = "n" * 116 + ".txt"
    assert list(found) == [
        "", "a.txt", "A (2).TXT", "a (2) (2).txt", "attachment.txt", "_x__b_c.txt",
        "attachment (2).txt", long, "März.txt",
    ]  # fmt: skip


def test_messages_within_are_read_with_what_comes_with_them() -> None:
    """Each says itself who wrote it; the names lead the way to what lies within."""
    inner = with_files(("t.csv", "text/csv", b"berth,fee\na,1\nb,2\n"))
    inner.replace_header("From", "cy@sund.example")
    inner.replace_header("Subject", "Fwd: tides")
    made = message("See below.")
    made["Date"] = "Sat, 09 Mar 2024 13:30:00 +0100"
    made.add_attachment(inner)
    found = attached(made)
    assert list(found) == ["", "Fwd_ tides.eml", "Fwd_ tides.eml/t.csv"]
    table = found["Fwd_ tides.eml/t.csv"]
    assert table.text == "berth: a\nfee: 1\n\nberth: b\nfee: 2"
    assert table.metadata == {"from": "cy@sund.example", "subject": "Fwd: tides"}


def test_what_of_attachments_is_not_read_is_told() -> None:
    """Unknown formats and images by a warning; what should be read and can't, as a reject."""
    made = with_files(
        ("a.zip", "application/zip", b"PK"), ("photo.png", "image/png", b"\x89PNG"),
        ("smime.p7s", "application/pkcs7-signature", b"x"), ("b.pdf", "application/pdf", b"%PDF-"),
    )  # fmt: skip
    report = EmailMessage()
    report["Content-Type"] = "message/disposition-notification"
    report.set_payload("Final-Recipient: x")
    made.attach(report)
    (document,) = attached(made).values()
    assert document.warnings == (
        "attachments of formats that are not read: 2", "attached images not read without OCR: 1",
    )  # fmt: skip
    parsed = default_registry(ReaderOptions(attachments="read")).reader_of("a.eml")
    parts = parsed.read("a.eml", bytes(made))
    assert isinstance(parts, tuple)
    reject = parts[1]
    assert isinstance(reject, RejectedRecord)
    assert (reject.attachment, reject.reason) == ("b.pdf", "damaged, or not a PDF")


def test_attachments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, and how deeply messages lie within each other; the rest is told."""
    monkeypatch.setattr(mail_attachments, "MOST_ATTACHMENTS", 20)
    part = b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nx\r\n"
    inner = b"Subject: i\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 12
    made = message("See below.")
    for _ in range(2):
        made.add_attachment(
            inner + b"--b--\r\n", maintype="application", subtype="x", filename="i.eml"
        )
    found = attached(made)
    assert len(found) == 1 + 20
    assert found["i (2).eml"].warnings == ("attachments beyond 20 not read: 6",)

    deep = message("The innermost.")
    for level in range(12):
        outer = message(f"Level {level}.")
        outer.add_attachment(deep)
        deep = outer
    found = attached(deep)
    assert len(found) == 9
    innermost = max(found, key=len)
    assert found[innermost].warnings == ("messages within 8 others not read: 1",)
