"""What others have said, made harmless before it leaves the program."""

from __future__ import annotations

import ast
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import waypoint
from waypoint import sanitize
from waypoint.sanitize import json_bytes, learn_secrets, masked, quotes, visible

PACKAGE = Path(waypoint.__file__).parent

ORDINARY = (
    "naïve café, größer, Łódź, Ελλάδα, Россия",
    "می‌خواهم نمی‌دانم",  # Persian, with ZWNJ
    "שָׁלוֹם עֲלֵיכֶם, مرحبا بالعالم",
    "क्‍ष ক্‌ষ ශ්‍රී ල",
    "👨‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 1️⃣ 👍🏽",
    "葛󠄀城, 한국어, ไทย, ខ្មែរ",
    "two\nlines\tand a tab, a no-break space\xa0here",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """In every script: letters, marks, joiners where they belong, and emoji."""
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]8;;http://x\x1b\\", "\\x1b]8;;http://x\\x1b\\"),
        ("\x9b31m\x90q\x9c\x85", "\\x9b31m\\x90q\\x9c\\x85"),
        ("\a\b\r\v\f\x00\x7f", "\\x07\\x08\\x0d\\x0b\\x0c\\x00\\x7f"),
        ("a\u202egpj.exe\u2066\u200f\u061c", "a\\u202egpj.exe\\u2066\\u200f\\u061c"),
        ("pay\u200bpal\ufeff\u2060\xad", "pay\\u200bpal\\ufeff\\u2060\\xad"),
        ("pay\u200dpal \u200c", "pay\\u200dpal \\u200c"),
        ("x\U000e0041\U000e0042", "x\\U000e0041\\U000e0042"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("a\ufe0f\ufe0f \ufe0f", "a\ufe0f\\ufe0f \\ufe0f"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_shown(text: str, shown: str) -> None:
    """As an escape, which says what it was."""
    assert visible(text) == shown


@given(st.text())
def test_nothing_is_left_of_controls_and_marks_of_direction(text: str) -> None:
    """Whatever the text: no control but line ends and tabs, no format that is of no script."""
    left = {c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert left <= {"\n", "\t"}
    assert not set(visible(text)) & set("\u200b\u200e\u200f\u061c\u202a\u202e\u2066\u2069\ufeff")


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_json_is_safe_to_print_and_says_the_same(value: dict[str, object]) -> None:
    """Escaped as JSON can: whoever parses it has what was there."""
    data = json_bytes(value, documents=True)
    assert json.loads(data) == value
    text = data.decode()
    assert visible(text) == text


@pytest.fixture
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests made known is not known here, nor the other way round."""
    monkeypatch.setattr(sanitize, "_known", set())
    monkeypatch.setattr(sanitize, "_secret", sanitize._secret)


@pytest.mark.usefixtures("no_secrets")
def test_credentials_are_masked_in_whatever_form_they_come_back() -> None:
    """Keys by their variable, users and passwords of URLs in any spelling, query parameters."""
    learn_secrets(
        {
            "GOOGLE_API_KEY": "an-odd-key",
            "HTTPS_PROXY": "http://walter:p%40ss-word@proxy:3128",
            "CHROMA_HOST": "chris:tell-nobody@chroma",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
            "PATH": "/usr/bin",
            "API_KEY_FILE": "/run/keys",
            "LANG": "de",
        }
    )
    for text, shown in {
        "no such key: an-odd-key!": "no such key: ***!",
        "GET http://walter:p%40ss-word@proxy:3128/x": "GET http://***@proxy:3128/x",
        "walter's p@ss-word": "walter's ***",
        "chris:tell-nobody@chroma is no host": "***@chroma is no host",
        "Proxy-Authorization: Basic d2FsdGVyOnBAc3Mtd29yZA==": "Proxy-Authorization: Basic ***",
        "a wJalrXUtnFEMI%2FK7MDENG b": "a *** b",
        "http://u:never-seen@h/": "http://***@h/",
        "/v1?key=abc&alt=json&access_token=x": "/v1?key=***&alt=json&access_token=***",
        "consumer 'api_key:AIzaSyFoo_-1' suspended": "consumer 'api_key:***' suspended",
        "key AIzaSyFoo_-1": "key ***",
        "in /usr/bin": "in /usr/bin",
        "no /run/keys": "no /run/keys",
        "see https://example.org/@user": "see https://example.org/@user",
    }.items():
        assert masked(text) == shown
    assert json_bytes({"a": ["an-odd-key"]}) == b'{"a":["***"]}\n'
    assert json_bytes({"a": "an-odd-key"}, documents=True) == b'{"a":"an-odd-key"}\n'


def test_a_servers_words_that_quote_a_text_are_known() -> None:
    """By a part of a long text, or by a short one as a whole; not by a word or two."""
    texts = ["The committee meets on the first Monday of each month.", "orchid-7"]
    assert quotes("cannot embed 'meets on the first Monday of'", texts)
    assert quotes("cannot embed 'orchid-7'", texts)
    assert not quotes("the first text cannot be embedded", texts)
    assert not quotes("", texts)


SPEAKS_TO_PROGRAMS = {
    # Into the ledger, the collection and a hidden part of the list of rejects, for Waypoint itself.
    "sources/origin.py", "observe/rejects_file.py", "storage/ledger/documents.py",
    # Requests, the ledger and the lock, messages between our own processes: nobody reads these.
    "bounded_http.py", "embedding/batch_jobs/rows.py",
    "embedding/providers/refusals.py", "formats/records/json_records.py",
    "formats/metadata/fields.py", "formats/markup/mail_attachments.py", "formats/sidecars.py",
    "verification/inventory.py",
    "formats/parsing/worker_messages.py", "storage/lock.py", "benchmark/bare_chroma.py",
    "benchmark/caller.py",
}  # fmt: skip
PRINTS = {"cli/__init__.py", "observe/terminal.py", "cli/streams.py", "benchmark/bare_chroma.py",
          "benchmark/caller.py"}  # fmt: skip


def test_nothing_goes_past_it() -> None:
    """Rich's texts, prints and JSON for people are made in one place each."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith("simulator/") or name == "sanitize.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            said = ast.unparse(node) if isinstance(node, ast.Call | ast.ImportFrom) else ""
            prints = said.startswith(
                ("print(", "sys.stdout.write(", "sys.stderr.write(", "sys.stdout.buffer.write(",
                 "typer.echo(", "click.echo(", "typer.secho(", "rich.print")
            ) or said in (
                "from rich.console import Console", "from rich.text import Text",
                "from rich import print", "from html import escape",
            )  # fmt: skip
            dumps = said.startswith(("orjson.dumps(", "json.dumps("))
            if (prints and name not in PRINTS) or (
                dumps and name not in SPEAKS_TO_PROGRAMS and not name.startswith("storage/chroma/")
            ):
                wrong.append(f"{name}:{getattr(node, 'lineno', 0)}: {said[:60]}")
    assert wrong == []
