"""What a run is over, given what it is told and what earlier runs were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypoint.errors import CollectionMismatchError, UsageError
from waypoint.ingestion.options import IngestOptions
from waypoint.ingestion.origin_check import SettledOrigin, settle
from waypoint.settings import load_settings
from waypoint.sources.origin import CHOICES, Origin


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a knowledge base."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kb").mkdir()
    return tmp_path


def settled(
    recorded: Origin | None,
    *,
    empty: bool = False,
    options: IngestOptions | None = None,
    **settings: Any,
) -> SettledOrigin:
    given = load_settings(**{"knowledge_base_path": Path("kb"), **settings})
    return settle(given, options or IngestOptions(), "name", recorded, empty=empty)


def test_one_folder_has_many_names(folder: Path) -> None:
    """Relative, through links, with dots, by what lies at both places; another is another."""
    (folder / "link").symlink_to("kb")
    (folder / "kb" / "a").mkdir()
    for name in ("kb", "link", "kb/a/..", str(folder / "kb")):
        assert settled(Origin(str(folder / "kb")), knowledge_base_path=Path(name)).notices == ()
    assert settled(Origin(str(folder / "link"))).origin.root == str(folder / "kb")
    for other in (folder / "kb" / "a", folder / "gone"):
        with pytest.raises(CollectionMismatchError) as refused:
            settled(Origin(str(other)))
        assert f"{other}, and this run is over {folder / 'kb'}" in refused.value.message


def test_the_ways_on(folder: Path) -> None:
    """A folder that moved keeps what was told; one that begins anew, or holds nothing, doesn't."""
    elsewhere = Origin("/elsewhere", choices={"exclude": ("a",)})
    moved = settled(elsewhere, options=IngestOptions(root_moved=True))
    assert moved.origin == Origin(str(folder / "kb"), choices={"exclude": ("a",)})
    assert moved.roots[0].settings.exclude == ("a",)
    for anew in (
        settled(elsewhere, options=IngestOptions(clear=True)),
        settled(elsewhere, empty=True),
    ):
        assert anew.origin == Origin(str(folder / "kb"))
    unknown = settled(None)
    assert "not known" in unknown.notices[0]


def test_further_folders_have_names(folder: Path) -> None:
    """The given one, else the folder's own; a folder that is known needs none, and keeps its own.

    What is told of one folder says nothing of another.
    """
    for name in ("p2", "p3", "x/p2"):
        (folder / name).mkdir(parents=True)
    first = Origin(str(folder / "kb"), choices={"exclude": ("a",)})
    p2, p3 = Path("p2"), Path("p3")
    added = settled(first, options=IngestOptions(root_name="two"), knowledge_base_path=p2)
    assert added.origin == replace(first, further={"two": Origin(str(folder / "p2"))})
    assert [(root.name, root.settings.exclude) for root in added.roots] == [("two", ())]
    known = settled(added.origin, knowledge_base_path=p2, exclude=("b",))
    assert known.origin.further["two"].choices == {"exclude": ("b",)}
    assert known.origin.choices == first.choices
    assert Origin.stored(known.origin.root, known.origin.selection()) == known.origin
    three = settled(known.origin, options=IngestOptions(further_paths=(p2, p3)))
    assert [root.name for root in three.roots] == ["", "two", "p3"]
    repair = settled(None, options=IngestOptions(repaired=three.origin))
    assert [(root.name, root.settings.exclude) for root in repair.roots] == [
        ("", ("a",)), ("two", ("b",)), ("p3", ()),
    ]  # fmt: skip
    anew = settled(three.origin, options=IngestOptions(clear=True), knowledge_base_path=p2)
    assert (anew.origin, anew.roots[0].name) == (Origin(str(folder / "p2")), "")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        (IngestOptions(root_name="a/b"), "p2"),
        (IngestOptions(root_name=" "), "p2"),
        (IngestOptions(root_name="x" * 65), "p2"),
        (IngestOptions(root_name="third"), "p2"),
        (IngestOptions(root_name="two"), "p3"),
        (IngestOptions(root_name="third", further_paths=(Path("p3"),)), "kb"),
        (IngestOptions(further_paths=(Path("p3"), Path("x/p3"))), "kb"),
        (IngestOptions(), "p3"),
    ],
)
def test_what_cannot_be_a_further_folder(folder: Path, options: IngestOptions, path: str) -> None:
    """A name that is none, is another folder's, or the folder has another; one that has none."""
    for name in ("p2", "p3", "x/p3"):
        (folder / name).mkdir(parents=True)
    recorded = Origin(str(folder / "kb"), further={"two": Origin(str(folder / "p2"))})
    with pytest.raises((CollectionMismatchError, UsageError)) as refused:
        settled(recorded, options=options, knowledge_base_path=Path(path))
    assert refused.value.hint


def test_in_a_container_the_hosts_name_tells(folder: Path) -> None:
    """One that was not told, then or now, says nothing against it."""
    here: dict[str, Any] = {"in_container": True}
    first = settled(None, empty=True, knowledge_base_dir="../p1", **here).origin
    assert settled(first, knowledge_base_dir="./../p1/", **here).origin == first
    assert settled(first, knowledge_base_dir="../p2").origin.host_root == ""
    assert settled(Origin(first.root), knowledge_base_dir="../p1", **here).origin == first
    with pytest.raises(CollectionMismatchError, match="p1"):
        settled(first, knowledge_base_dir="../p2", **here)


def test_what_was_told_holds_until_it_is_told_otherwise(folder: Path) -> None:
    """Each setting by itself; an empty one ends it; ``--clear`` keeps it; all of it is told."""
    first = settled(None, empty=True, exclude=["a"], max_file_size=9).origin
    assert first.options() == "--exclude a --max-file-size 9"
    again = settled(first)
    assert (again.roots[0].settings.exclude, again.roots[0].settings.max_file_size) == (("a",), 9)
    assert again.origin == first
    assert len(again.notices) == 2
    other = settled(first, exclude=["b c"])
    assert other.origin.choices == {"exclude": ("b c",), "max_file_size": 9}
    assert "--exclude 'b c' from now on; until now: --exclude a" in other.notices
    assert settled(first, exclude=[""]).origin.choices == {"max_file_size": 9}
    assert settled(first, options=IngestOptions(clear=True)).origin == first


def test_categories_add_up_until_a_run_is_over_all(folder: Path) -> None:
    """A repair is over those that were; other options for one of them are refused."""
    first = settled(None, empty=True, exclude=["x"], options=IngestOptions(category="a")).origin
    both = settled(first, options=IngestOptions(category="b"))
    assert (both.origin.categories, both.roots[0].only) == (frozenset("ab"), None)
    for category, refused in (("a", False), ("b", True)):
        options = IngestOptions(category=category)
        try:
            settled(first, exclude=["y"], options=options)
        except CollectionMismatchError:
            assert refused
        else:
            assert not refused
    repair = settled(None, exclude=["y"], options=IngestOptions(repaired=both.origin))
    assert (repair.roots[0].only, repair.origin) == (frozenset("ab"), both.origin)
    whole = settled(both.origin)
    assert whole.origin.categories is None
    assert "a, b alone" in whole.notices[-1]
    assert settled(whole.origin, options=IngestOptions(category="a")).origin == whole.origin
    anew = settled(whole.origin, options=IngestOptions(category="a", clear=True))
    assert anew.origin.categories == frozenset("a")
    # Of a collection that nobody knows anything of, more than one category may be there.
    assert settled(None, options=IngestOptions(category="a")).origin.categories is None


TEXTS = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each, max_size=3),
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys([*CHOICES, "categories", "host_root"], JSON))
)
def test_whatever_is_stored_is_an_origin(selection: dict[str, Any]) -> None:
    """What somebody else wrote says nothing, or what it says is written again the same."""
    for text in (json.dumps(selection), json.dumps(selection)[:-1], json.dumps([selection]), 7):
        stored = Origin.stored("/kb", text)
        assert stored is not None
        assert Origin.stored("/kb", stored.selection()) == stored
        assert isinstance(stored.options(), str)
    assert Origin.stored(None, "{}") is None
