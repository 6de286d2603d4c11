"""JSON and JSON Lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import assert_sound, read_all, read_one, reject_of, rejects_in
from waypoint.errors import DocumentRejectedError
from waypoint.formats.text import normalised


def read_list(*records: object, **options: str) -> dict[str, Any]:
    """Documents by record."""
    documents = read_all("a.json", json.dumps(records).encode(), **options)
    return {document.record: document for document in documents}


def test_a_list_is_a_document_for_each_record() -> None:
    """Its text, its title, and its other fields as metadata."""
    found = read_list(
        {"id": "k4", "title": "Kestrel 4", "text": "A camera.", "pixels": 9, "lang": "en"},
        {"id": 7, "name": "Owl", "body": ["One.", "Two."], "tags": ["a", "b"]},
        "just a text",
    )
    assert list(found) == ["k4", "7", "3"]
    assert (found["k4"].text, found["k4"].title) == ("A camera.", "Kestrel 4")
    assert found["k4"].metadata == {"id": "k4", "pixels": 9, "language": "en"}
    assert (found["7"].text, found["7"].title) == ("One.\n\nTwo.", "Owl")
    assert found["7"].metadata == {"id": 7, "name": "Owl", "tags": '["a","b"]'}
    assert found["3"].text == "just a text"


def test_a_title_that_cannot_be_stored_gives_way_to_the_next() -> None:
    """Cut in the middle of an emoji, mostly: the rest of the record is as good as any."""
    found = read_list(
        {"id": "a", "title": "bad \ud83d", "name": "good", "text": "One."},
        {"id": "b", "title": "bad \ud83d", "text": "Two."},
        {"id": "c", "title": "x" * 5_000, "name": "y" * 600, "text": "Three."},
    )
    assert [found[name].title for name in "ab"] == ["good", ""]
    assert found["c"].title == "y" * 600
    assert "half a surrogate pair" in found["b"].warnings[0]


def test_json_lines_are_told_by_their_line() -> None:
    """A damaged line is a reject that may be any record; one without text is known by its id."""
    data = b'{"text": "one"}\r\n\r\n{"text": \n{"id": 9}\n{"id": 3, "text": "five"}\n'
    one, five = read_all("a.jsonl", data)
    assert (one.record, one.text, five.record, five.text) == ("1", "one", "3", "five")
    assert (one.warnings, five.warnings) == ((), ())
    # Its line is the name of another.
    rejects = rejects_in("a.jsonl", data)
    assert list(rejects) == ["#3", "9"]
    damaged, without = rejects.values()
    assert (damaged.reason, damaged.identified) == (
        "not JSON: Expecting value at column 10", False,
    )  # fmt: skip
    assert (without.reason, without.identified) == ("it has no text", True)
    assert "--json-text-field" in without.hint
    assert [each.text for each in read_all("a.json", data)] == ["one", "five"]


def test_each_record_of_a_list_is_rejected_for_itself() -> None:
    """In its place among the others, and known by its name; the file's warnings stay."""
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    bad = [None, {"id": "deep", "x": deep}, "\ud800", "x" + "\u0316" * 1000, {"id": 70, "n": 1}]
    good = "Größe und Übermaß der schönen Tür. " * 9
    data = json.dumps(["", {"text": good}, *bad]).encode()
    rejects = rejects_in("a.json", data)
    assert [*rejects] == ["1", "3", "deep", "5", "6", "70"]
    assert all(reject.identified for reject in rejects.values())
    assert [reject.reason.partition(" near ")[0] for reject in rejects.values()] == [
        "it has no text", "it has no text", "it is nested deeper than 100 levels",
        "half a surrogate pair at character 0", "more than 128 combining marks in a row",
        "it has no text",
    ]  # fmt: skip
    legacy = f'["", "{good}", null]'.encode("cp1252")
    (document,) = read_all("a.json", legacy)
    assert document.encoding == "cp1252"
    assert document.warnings == ("read as cp1252",)


def test_all_strings_are_the_text_where_no_field_holds_it() -> None:
    """Also nested ones; a record's numbers are metadata."""
    document = read_one(
        "a.json",
        b'{"title": "T", "maker": {"name": "N", "since": 1990}, "n": 3, "colours": ["a", "b"]}',
    )
    assert document.text == "title: T\nmaker.name: N\nmaker.since: 1990\ncolours: a, b"
    assert (document.title, document.metadata, document.record) == ("T", {"n": 3}, "")


ARTICLE = "The wall was rebuilt after the storm. " * 200
TEASERS = [
    ({"id": 1, "description": "A teaser.", "article": ARTICLE}, f"A teaser.\n\n{ARTICLE}"),
    ({"text": "Caption.", "picture": "QUJD" * 2_000}, "Caption."),
    ({"text": ARTICLE, "note": "Short and to the point."}, ARTICLE),
    ({"content": {"rendered": "<p>One.</p>", "protected": False}, "n": 1}, "<p>One.</p>"),
    (
        {"content": {"text": "Intro.", "parts": ["One.", "Two."]}},
        "content.text: Intro.\ncontent.parts: One., Two.",
    ),
    (
        {"content": [{"head": "H", "text": "T"}], "tags": ["a"]},
        "content.head: H\ncontent.text: T\ntags: a",
    ),
    ({"title": "T", "bodyText": "Two.", "author": "A"}, "Two."),
    (
        {"text": ["See ", {"type": "link", "text": "https://x.test"}, " now"]},
        "See https://x.test now",
    ),
    ({"text": ["a ", {"type": "bold", "text": "b"}, {"text": "c", "href": "u"}]}, "a bc (u)"),
    (
        {"content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
        "One.\n\nTwo.",
    ),
]


@pytest.mark.parametrize(("record", "text"), TEASERS)
def test_the_text_of_a_record_is_whole(record: dict[str, Any], text: str) -> None:
    """What is longer than the usual field's is no detail; rich text comes in pieces."""
    assert read_one("a.json", json.dumps(record).encode()).text.strip() == text.strip()


def test_records_within_an_object_are_documents_too() -> None:
    """With the object's other fields; but what has a text of its own is one document."""
    pages = [{"id": "p1", "bodyText": "One."}, {"id": "p2", "bodyText": "Two."}]
    data = json.dumps({"exported": "2026", "total": 2, "pages": pages}).encode()
    one, two = read_all("a.json", data)
    assert (one.record, two.record, two.text) == ("p1", "p2", "Two.")
    assert two.metadata == {"exported": "2026", "total": 2, "id": "p2"}
    whole = {"text": "Mix.", "pages": pages}
    assert read_one("a.json", json.dumps(whole).encode()).record == ""
    parts = {"name": "Cake", "parts": [{"sku": 1}, {"sku": 2}]}
    assert (
        read_one("a.json", json.dumps(parts).encode()).text
        == "name: Cake\nparts.sku: 1\n\nparts.sku: 2"
    )


def test_numbers_stay_as_they_are_written() -> None:
    """In the text always; as metadata where a float would be another number."""
    data = (
        b'{"a": {"price": 1.10, "far": 1e400, "big": 12345678901234567890123, "no": NaN, '
        b'"on": true},'
        b' "s": "x", "m": 1.10, "f": 1e400, "d": 0.12345678901234567890}'
    )
    document = read_one("a.json", data)
    assert document.text == (
        "a.price: 1.10\na.far: 1e400\na.big: 12345678901234567890123\na.no: NaN\na.on: true\ns: x"
    )
    assert document.metadata == {"m": 1.1, "f": "1e400", "d": "0.12345678901234567890"}
    other = [read_one("a.jsonl", b'{"text": "x", "n": %s}' % n).digest for n in (b"1.10", b"1.1")]
    assert other[0] != other[1]


def test_names_given_twice_are_told() -> None:
    """With the lines; the last value counts, as everywhere."""
    data = b'{"text": "one", "text": "two"}\n{"text": "x"}\n{"text": "y", "m": {"a": 1, "a": 2}}\n'
    first, *others = read_all("a.jsonl", data)
    told = "names given twice in one object, of which the last counts"
    assert (first.text, first.warnings) == ("two", (f"{told}: lines 1, 3",))
    assert not any(each.warnings for each in others)
    assert read_one("a.json", b'{"text": "x", "b": 1, "b": 2}').warnings == (f"{told}: 1",)


def test_the_text_field_can_be_named() -> None:
    """Also one inside another; what is without it is rejected, a record or a document."""
    records = [{"text": "no", "abstract": "yes"}, {"text": "no"}]
    (document,) = read_list(*records, json_text_field="abstract").values()
    data = json.dumps([*records, "no"]).encode()
    rejects = rejects_in("a.json", data, json_text_field="abstract")
    assert {name: each.reason for name, each in rejects.items()} == {
        "2": "it has no text in a field 'abstract'",
        "3": "it has no field 'abstract'",
    }
    assert (document.text, document.metadata) == ("yes", {"text": "no"})
    nested = b'{"_source": {"body": "deep"}, "_score": 1}'
    assert read_one("a.json", nested, json_text_field="_source.body").text == "deep"
    error = reject_of("a.json", b'{"text": "x"}', json_text_field="body")
    assert "no text in a field 'body'" in error.reason
    assert "--json-text-field" in error.hint


def test_an_edit_changes_the_digest_of_its_record_only() -> None:
    """Neither its neighbours nor the order of fields; but another text field is another text."""
    before = read_list({"id": "a", "text": "1", "n": 2}, {"id": "b", "text": "2"})
    after = read_list({"n": 2, "text": "1", "id": "a"}, {"id": "b", "text": "3"})
    assert before["a"].digest == after["a"].digest
    assert before["b"].digest != after["b"].digest
    named = read_list({"id": "a", "text": "1", "n": 2}, json_text_field="text")
    assert named["a"].digest != before["a"].digest


@pytest.mark.parametrize(
    ("ids", "records"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "b"], ["1", "2", "b"]),
        (["2", None], ["2", "#2"]),
        ([True, "x\ny", " x", "#2", "x" * 201, 1.5], ["1", "2", "3", "4", "5", "6"]),
    ],
)
def test_a_record_is_named_by_its_own_id_or_its_number(
    ids: list[object], records: list[str]
) -> None:
    """By what is unique and can be shown; never by another record's name."""
    assert list(read_list(*({"id": each, "text": "x"} for each in ids))) == records


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{bad", "not JSON: Expecting property name"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'{"a":' * 500 + b'"x"' + b"}" * 500, "nested deeper than 100 levels"),
        (b"[1" + b"0" * 5000 + b"]", "not JSON: Exceeds the limit"),
        (b'{"n": 1}', "it has no text"),
        (b'[{"n": 1}, null]', "no record can be read; record 1: it has no text"),
        (b'["\\ud800"]', "half a surrogate pair"),
        (b'{"text": "' + "\u0316".encode() * 1000 + b'"}', "combining marks"),
    ],
)
def test_what_has_no_text_is_a_reject(data: bytes, reason: str) -> None:
    """With the place, where the file is not JSON."""
    assert reason in reject_of("a.json", data).reason


def test_a_file_of_no_record_at_all_is_empty_or_rejected() -> None:
    """An empty list is an empty document; lines that are all damaged are not JSON."""
    for data in (b"", b"[]", b"{}", b"null", b" \n"):
        assert read_one("a.json", data).text == ""
    assert read_one("a.jsonl", b"\n\n").text == ""
    assert "no line is JSON; line 1" in reject_of("a.jsonl", b"x\ny").reason


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "text", "title", "lang", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6))
def test_any_json_gives_documents_of_different_names_or_a_reject(values: list[object]) -> None:
    """And JSON Lines of the same values give the same texts."""
    whole = json.dumps(values).encode()
    lines = "\n".join(map(json.dumps, values)).encode()
    try:
        documents = read_all("a.json", whole)
    except DocumentRejectedError:
        return
    if values:
        assert len({each.record for each in documents}) == len(documents)
        assert all(each.record for each in documents)
        names = {each.record for each in documents} | rejects_in("a.json", whole).keys()
        assert len(names) == len(values)
        assert [each.text for each in read_all("a.jsonl", lines)] == [
            each.text for each in documents
        ]
    for each in documents:
        assert_sound(each)


def test_paths_that_make_a_small_file_huge_are_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value is told with its whole path; all records together are bounded."""
    monkeypatch.setattr(normalised, "MAX_CHARACTERS", 1_000)
    deep = {"n" * 500: [{"k": number} for number in range(1_000)]}
    assert "characters of text" in reject_of("a.json", json.dumps(deep).encode()).reason
    small = [{"id": name, "note": "short"} for name in ("before", "behind")]
    data = json.dumps([small[0], {"id": "bad", **deep}, small[1]]).encode()
    assert [each.record for each in read_all("a.json", data)] == ["before", "behind"]
    assert "characters of text" in rejects_in("a.json", data)["bad"].reason
