"""Front matter and the fields that come of it."""

from __future__ import annotations

import json

import pytest

from waypoint.formats.front_matter import split_front_matter
from waypoint.formats.metadata import MAX_FIELDS, RESERVED_NAMES
from waypoint.formats.yaml_block import MAX_CHARACTERS

BODY = "# Heading\n\nText.\n"


def with_block(block: str) -> str:
    return f"---\n{block}\n---\n\n{BODY}"


def test_scalars_dates_and_lists_are_kept() -> None:
    """Scalars as they are, dates in ISO 8601, lists and mappings as JSON; what is empty, not."""
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
        {"url": "https://x.org", "true": "2025-01-24"}  # YAML 1.1 takes "on" for true
    ]
    assert metadata == {
        "source_org": "Maersk",
        "last_updated": "2025-01-22",
        "at": "2025-01-22T10:00:00",
        "version": 2.5,
        "pages": 12,
        "public": True,
        "use_cases": '["UC-1.1","é"]',
        "huge": "9223372036854775808",
        "most": 9223372036854775807,
        "2025": "year",
    }


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
