"""Questions from a file: what is taken, and how what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import PROJECT
from waypoint.errors import UsageError
from waypoint.verification.questions import Expectation, read_questions

GOOD = """
tiers:
  - name: one
    top_k: 3
    pass: 1
    queries:
      - {text: "a question", expect: {category: 01_handbook}}
      - {text: "another", expect: {source: "*/some_*.md"}}
      - {text: "a third", expect: {keywords: [escalat, "9%", 42], at_least: 2}}
"""


def read(tmp_path: Path, content: str) -> object:
    """The tiers of a file with this content."""
    path = tmp_path / "queries.yaml"
    path.write_text(content)
    return read_questions(path)


def test_the_three_kinds_of_expectation_are_read(tmp_path: Path) -> None:
    """Each with what it says, and the tier with its marks."""
    path = tmp_path / "queries.yaml"
    path.write_text(GOOD)
    (tier,) = read_questions(path)
    assert (tier.name, tier.top_k, tier.pass_mark) == ("one", 3, 1)
    shown = [str(question.expected) for question in tier.questions]
    assert shown == ["category 01_handbook", "source */some_*.md", "2 of: escalat, 9%, 42"]


def test_the_samples_questions_can_be_read() -> None:
    """Those that come with the program: 18 in three tiers."""
    tiers = read_questions(PROJECT / "examples" / "queries.yaml")
    assert [tier.name for tier in tiers] == ["category", "document", "scenario"]
    assert sum(len(tier.questions) for tier in tiers) == 18


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("tiers: [", "line 1: not YAML"),
        ("", "the file is not a mapping"),
        ("tiers: []", "tiers is not a list with at least one tier"),
        ("other: 1\ntiers: [{}]", "the file has the unknown 'other'"),
        (GOOD.replace("name: one", "name: ''"), "line 3: tier 1 has no name"),
        (GOOD.replace("top_k: 3", "top_k: 0"), "top_k is 0, not a number from 1 to 100"),
        (GOOD.replace("top_k: 3", "top_k: true"), "top_k is True"),
        (GOOD.replace("pass: 1", "pass: 4"), "pass is 4, not a number from 0 to 3"),
        (GOOD.replace("pass: 1", "pas: 1"), "tier 1 has the unknown 'pas'"),
        (GOOD.replace('text: "a question", ', ""), "line 7: tier 1, question 1 has no text"),
        (GOOD.replace("category: 01_handbook", ""), "question 1: expect must have one of"),
        (GOOD.replace("category: 01", "source: a, category: 01"), "expect must have one of"),
        (GOOD.replace("category: 01_handbook", "category: 1"), "category is 1, not a text"),
        (GOOD.replace("at_least: 2", "at_least: 4"), "at_least is 4, not a number from 1 to 3"),
        (GOOD.replace("42]", "[a]]"), "a keyword is not a text"),
        (GOOD + GOOD.replace("\ntiers:\n", ""), "there are two tiers 'one'"),
        (GOOD.replace("queries:", "queries: []\n    other:"), "queries is not a list"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, named: str) -> None:
    """The file, the place in it and the reason, with a hint."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert "queries.yaml" in caught.value.message
    assert named in caught.value.message
    assert "docs/verify.md" in caught.value.hint


def test_several_problems_are_named_at_once(tmp_path: Path) -> None:
    """So that nobody has to run it for each."""
    content = GOOD.replace("top_k: 3", "top_k: x").replace("pass: 1", "pass: x")
    with pytest.raises(UsageError, match=r"top_k is 'x'.*pass is 'x'"):
        read(tmp_path, content)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(UsageError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_questions(tmp_path / "nowhere.yaml")


def test_what_matches() -> None:
    """A category exactly, a source by pattern, also that of a record's file."""
    assert Expectation(category="a").matches("", {"category": "a"})
    assert not Expectation(category="a").matches("", {"category": "ab"})
    pattern = Expectation(source="*/guide.md")
    assert pattern.matches("", {"source": "x/y/guide.md"})
    assert not pattern.matches("", {"source": "guide.md"})
    assert not pattern.matches("", {"source": "x/guide.mdx"})
    assert Expectation(source="*/a.jsonl").matches("", {"source": "x/a.jsonl#12"})
