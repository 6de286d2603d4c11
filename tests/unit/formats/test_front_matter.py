"""Front matter and the fields that come of it."""

from __future__ import annotations

import json

import pytest

from waypoint.formats.metadata.fields import MAX_CHARACTERS, MAX_FIELDS, RESERVED_NAMES
from waypoint.formats.metadata.front_matter import split_front_matter

BODY = "# Heading\n\nText.\n"


def with_block(block: str) -> str:
    return f"---\n{block}\n---\n\n{BODY}"


def test_scalars_dates_and_lists_are_kept() -> None:
    """Scalars as they are written, lists and mappings as JSON; what is empty, not."""
    parsed = split_front_matter(
        with_block(
            "title: The  Title\nsource_organization: Maersk\nlast_updated: 2025-01-22\n"
            "at: 2025-01-22 10:00:00\nversion: 2.5\npages: 12\npublic: true\n"
            "use_cases: [UC-1.1, 'é']\nsource_urls:\n  - url: https://x.org\n    on: 2025-01-24\n"
            "none: null\nempty: ''\nno_list: []\nno_map: {}\nnan: .nan\ninf: -.inf\n"
            "huge: 9223372036854775808\nmost: 9223372036854775807\n2025: year"
        )
    )
    assert parsed.body == BODY
    assert parsed.title == "The Title"
    assert parsed.warnings == ()
    metadata = dict(parsed.metadata)
    assert json.loads(str(metadata.pop("source_urls"))) == [
        {"url": "https://x.org", "on": "2025-01-24"}
    ]
    assert metadata == {
        "source_org": "Maersk",
        "last_updated": "2025-01-22",
        "at": "2025-01-22 10:00:00",
        "version": 2.5,
        "pages": 12,
        "public": True,
        "use_cases": '["UC-1.1","é"]',
        "huge": "9223372036854775808",
        "most": 9223372036854775807,
        "2025": "year",
    }


@pytest.mark.parametrize(
    "written",
    ["007", "1.10", "1.0.0", "no", "On", "yes", "12:30", "1:02:03", "1_000", "0x1F", "0o17", "1e3",
     "+49", "2026-1-5", "2026-01-05T10:00:00Z", "1.2345678901234567890", "-0", "08", "1."],
)  # fmt: skip
def test_a_value_stays_what_was_written(written: str) -> None:
    """YAML 1.1 makes numbers, truth values and times of these."""
    metadata = split_front_matter(with_block(f"it: {written}\nlist: [{written}]")).metadata
    assert metadata == {"it": written, "list": json.dumps([written])}


@pytest.mark.parametrize(
    ("written", "value"),
    [("12", 12), ("-3", -3), ("0", 0), ("2.5", 2.5), ("0.25", 0.25), ("1.0", 1.0), ("true", True),
     ("False", False), ("'12'", "12"), ("!!str 12", "12"), ("!!int 007", 7)],
)  # fmt: skip
def test_numbers_and_truth_values_are_such(written: str, value: object) -> None:
    """So that they can be compared where a search filters by them."""
    (found,) = split_front_matter(with_block(f"it: {written}")).metadata.values()
    assert (found, type(found)) == (value, type(value))


def test_a_name_that_is_given_twice_within_a_field_is_told() -> None:
    """YAML forbids it, and parsers keep the last."""
    parsed = split_front_matter(with_block("a: {x: 1, x: 2}\nb: [{y: 1}, {y: 2}]"))
    assert parsed.metadata == {"a": '{"x":2}', "b": '[{"y":1},{"y":2}]'}
    (warning,) = parsed.warnings
    assert warning == "front matter field 'a': a name within it is given twice, the last counts"


def with_toml(block: str) -> str:
    return f"+++\n{block}\n+++\n\n{BODY}"


def test_toml_gives_fields_as_yaml_does() -> None:
    """As Hugo and Zola write it."""
    parsed = split_front_matter(
        with_toml(
            '# a post\ntitle = "Tide  tables"\ndate = 2026-01-01\nat = 2026-01-01T10:00:00Z\n'
            "open = 07:30:00\ndraft = false\nweight = 7\nratio = 1.10\nlong = 0.1234567890123456789"
            '\ntags = ["tide", "sea"]\nnone = nan\n[extra]\nversion = "1.10"'
        )
    )
    assert (parsed.body, parsed.title, parsed.warnings) == (BODY, "Tide tables", ())
    assert parsed.metadata == {
        "date": "2026-01-01", "at": "2026-01-01T10:00:00Z", "open": "07:30:00", "draft": False,
        "weight": 7, "ratio": 1.1, "long": "0.1234567890123456789", "tags": '["tide","sea"]',
        "extra": '{"version":"1.10"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("block", "warning"),
    [
        ("title = [1", "malformed TOML"),
        ("a = 1\na = 2", "malformed TOML at line 3"),
        ("day = 2026-02-31", "malformed TOML"),
        ("n = " + "9" * 5_000, "malformed TOML"),
        ("a = " + "[" * 30_000, "nested too deeply"),
        (
            "["
            + ".".join("a" * 490)
            + "]\n"
            + ".".join("a" * 490)
            + "."
            + "b = {"
            + ".".join("a" * 490)
            + " = 1}",
            "cannot be stored as JSON",
        ),
        (".".join("a" * 30_000) + " = 1", "nested too deeply"),
        ("[" + '"a" . ' * 10_000 + "b]", "nested too deeply"),
        ("t = {" + "'a b' ." * 9_000 + "b = 1}", "nested too deeply"),
        ("a" * 60_000 + " = " + "'x" * 2_001, "malformed TOML"),
        ("a = '" + "x" * MAX_CHARACTERS + "'", "characters, at most"),
    ],
)
def test_toml_that_is_malformed_or_hostile_is_a_warning(block: str, warning: str) -> None:
    """The text is still read, without the block and without its fields."""
    parsed = split_front_matter(with_toml(block))
    assert (parsed.body, dict(parsed.metadata)) == (BODY, {})
    (message,) = parsed.warnings
    assert warning in message


@pytest.mark.parametrize(
    "text", ["+++\n\nA line of crosses.\n", "+++\nJust text.\n+++\nMore.\n", "++++\na = 1\n+++\n"]
)
def test_what_is_no_toml_stays_in_the_text(text: str) -> None:
    """Three crosses may be anything."""
    assert split_front_matter(text).body == text


def test_names_that_clash_are_prefixed() -> None:
    """Waypoint's own names and Chroma's are never overwritten by a document."""
    names = [*sorted(RESERVED_NAMES - {"language"}), "chroma:document", "$id", "#k"]
    parsed = split_front_matter(with_block("\n".join(f"'{name}': mine" for name in names)))
    assert parsed.metadata == {f"fm_{name}": "mine" for name in names}


@pytest.mark.parametrize(
    ("block", "metadata"),
    [
        ("language: de", {"language": "de"}),
        ("lang: pt-BR", {"language": "pt-BR"}),
        ("language: [de, en]\n", {"language": '["de","en"]'}),
        ("language: 3", {"fm_language": 3}),
        ("lang: 3", {"lang": 3}),
        ("source_urls:\n  - https://a.example\n", {"source_urls": '["https://a.example"]'}),
    ],
)
def test_a_document_s_language_and_urls_are_stored(block: str, metadata: dict[str, object]) -> None:
    """Its language under Waypoint's own name, lists as JSON."""
    assert split_front_matter(with_block(block)).metadata == metadata


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (BODY, ""),
        ("---\n\nA thematic break.\n", ""),
        ("---- \ntitle: x\n---\n", ""),
        ("text\n---\ntitle: x\n---\n", ""),
        ("---\ntitle: never closed\n", "never closed"),
        ("+++\ntitle = 'never closed'\n", "never closed"),
        ("---\nJust text.\n---\nMore.\n", "not a mapping"),
        ("---\n- a\n- b\n---\nMore.\n", "not a mapping"),
    ],
)
def test_what_is_no_front_matter_stays_in_the_text(text: str, warning: str) -> None:
    """Between two thematic breaks there is text."""
    parsed = split_front_matter(text)
    assert parsed.body == text
    assert dict(parsed.metadata) == {}
    assert len(parsed.warnings) == bool(warning)
    assert all(warning in message for message in parsed.warnings)


def test_an_empty_block_gives_nothing_and_warns_of_nothing() -> None:
    """Two fences and no field."""
    parsed = split_front_matter("---\n---\nText.")
    assert (parsed.body, dict(parsed.metadata), parsed.warnings) == ("Text.", {}, ())


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}, *{chr(97 + n)}]"
    for n in range(9)
)


@pytest.mark.parametrize(
    ("block", "warning"),
    [
        ("title: [never closed\nother: 1", "malformed YAML at line"),
        ("title: x\nbell: \x07", "malformed YAML"),
        ("title: " + "x" * MAX_CHARACTERS, "characters, at most"),
        (BOMB, "aliases"),
        ("deep: " + "[" * 30_000, "nested deeper"),
        ("deep:\n" + "- " * 30_000, "nested deeper"),
    ],
)
def test_a_block_that_is_malformed_or_hostile_is_a_warning(block: str, warning: str) -> None:
    """The text is still read, without the block and without its fields."""
    parsed = split_front_matter(with_block(block))
    assert parsed.body == BODY
    assert dict(parsed.metadata) == {}
    (message,) = parsed.warnings
    assert warning in message


@pytest.mark.parametrize(
    "field",
    [
        "bad: !!python/object/apply:os.system [echo]",
        "bad: !custom {a: 1}",
        "bad: &a [*a]",
        "bad: !!set {x, y}",
        "bad: !!binary aGVsbG8=",
        "? [complex, key]\n: {1: !x y}",
        "bad: " + "x" * 5000,
        "'': value",
        f"{'k' * 200}: value",
    ],
)
def test_a_field_that_cannot_be_kept_costs_only_itself(field: str) -> None:
    """The others are read; a warning names it."""
    parsed = split_front_matter(with_block(f"before: 1\n{field}\nafter: 2"))
    assert parsed.metadata == {"before": 1, "after": 2}
    (message,) = parsed.warnings
    assert "left out" in message


@pytest.mark.parametrize("value", ["2025-13-45", "2025-01-22T10:00:00+99:99", "="])
def test_a_scalar_that_only_looks_like_a_date_is_text(value: str) -> None:
    """YAML's timestamps are told by their look; the document's words are kept."""
    assert split_front_matter(with_block(f"when: {value}")).metadata == {"when": value}


def test_too_many_fields_and_doubled_ones_are_left_out() -> None:
    """One warning for all that is too much; of a doubled field the first counts."""
    block = "\n".join(f"field_{n}: {n}" for n in range(MAX_FIELDS + 5))
    parsed = split_front_matter(with_block(f"{block}\nfield_0: again"))
    assert len(parsed.metadata) == MAX_FIELDS
    assert parsed.metadata["field_0"] == 0
    assert [message[:9] for message in parsed.warnings] == ["more than", "field 'fi"]
