"""Questions with what they should find, from a YAML file, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from waypoint.errors import UsageError
from waypoint.formats.text.normalised import is_unicode
from waypoint.models import Metadata
from waypoint.verification.keywords import Keyword

DEFAULT_TOP_K = 5
MOST_TOP_K = 100
MAX_BYTES = 4 * 1024 * 1024

_KINDS = ("category", "source", "keywords")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a chunk must be for its question to have been answered: one of three kinds."""

    category: str | None = None
    source: str | None = None
    """A pattern of shell kind; ``*`` crosses ``/``."""
    keywords: tuple[Keyword, ...] = ()
    at_least: int = 0

    def matches(self, text: str, metadata: Metadata) -> bool:
        """Whether this one chunk is what was expected."""
        if self.category is not None:
            return metadata.get("category") == self.category
        if self.source is not None:
            source = str(metadata.get("source", ""))
            # A record of a file of records is found by its file's name, too.
            names = (source, source.partition("#")[0])
            return any(fnmatchcase(name, self.source) for name in names)
        return sum(keyword.occurs_in(text) for keyword in self.keywords) >= self.at_least

    def __str__(self) -> str:
        if self.category is not None:
            return f"category {self.category}"
        if self.source is not None:
            return f"source {self.source}"
        words = ", ".join(keyword.word for keyword in self.keywords)
        return f"{self.at_least} of: {words}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words."""

    text: str
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Tier:
    """Questions that are judged together."""

    name: str
    top_k: int
    """So many chunks may be looked at for the right one."""
    pass_mark: int
    """So many questions must be answered."""
    questions: tuple[Question, ...]


def read_questions(path: Path) -> tuple[Tier, ...]:
    """The tiers of a file.

    Raises:
        UsageError: naming the file, the place in it, and every problem found.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the questions in {path} cannot be read: {error.strerror}",
            hint="give the path of a YAML file with --queries (docs/verify.md shows its form)",
        ) from error
    if len(data) > MAX_BYTES:
        raise _wrong(path, [f"it has {len(data):,} bytes, at most {MAX_BYTES:,}"])
    try:
        content = yaml.load(data.decode(), Loader=_NumberedLoader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as error:
        raise _wrong(path, ["it is not UTF-8"]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise _wrong(path, [f"{place}not YAML: {problem}"]) from error
    problems: list[str] = []
    tiers = tuple(_tiers(content, problems))
    if problems:
        raise _wrong(path, problems)
    return tiers


def _wrong(path: Path, problems: Sequence[str]) -> UsageError:
    more = f"; and {len(problems) - 5:,} more" if len(problems) > 5 else ""
    return UsageError(
        f"the questions in {path} cannot be used: {'; '.join(problems[:5])}{more}",
        hint="correct the file; docs/verify.md shows its form",
    )


class _NumberedLoader(yaml.SafeLoader):
    """Keeps with each mapping the line it begins at."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return {_LINE: node.start_mark.line + 1, **mapping}


_LINE: Final = ("line",)
"""A key that no YAML scalar makes."""


def _fields(
    value: object, allowed: Sequence[str], where: str, problems: list[str]
) -> Mapping[object, Any] | None:
    """A mapping with no key but those allowed; None, with the problem noted, for anything else."""
    if not isinstance(value, dict):
        problems.append(f"{where} is not a mapping with {', '.join(allowed)}")
        return None
    unknown = [str(key) for key in value if key != _LINE and key not in allowed]
    if unknown:
        problems.append(
            f"line {value[_LINE]}: {where} has the unknown {', '.join(map(repr, unknown))}; "
            f"known are {', '.join(allowed)}"
        )
    return value


def _tiers(content: object, problems: list[str]) -> Iterator[Tier]:
    top = _fields(content, ("tiers",), "the file", problems)
    if top is None:
        return
    tiers = top.get("tiers")
    if not isinstance(tiers, list) or not tiers:
        problems.append("tiers is not a list with at least one tier")
        return
    names: set[str] = set()
    for number, entry in enumerate(tiers, start=1):
        tier = _tier(entry, f"tier {number}", problems)
        if tier is None:
            continue
        if tier.name in names:
            problems.append(f"line {entry[_LINE]}: there are two tiers {tier.name!r}")
        names.add(tier.name)
        yield tier


def _tier(entry: object, where: str, problems: list[str]) -> Tier | None:
    fields = _fields(entry, ("name", "top_k", "pass", "queries"), where, problems)
    if fields is None:
        return None
    before = len(problems)
    line = f"line {fields[_LINE]}: {where}"
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip():
        problems.append(f"{line} has no name")
    top_k = fields.get("top_k", DEFAULT_TOP_K)
    if type(top_k) is not int or not 1 <= top_k <= MOST_TOP_K:
        problems.append(f"{line}: top_k is {top_k!r}, not a number from 1 to {MOST_TOP_K}")
    queries = fields.get("queries")
    if not isinstance(queries, list) or not queries:
        problems.append(f"{line}: queries is not a list with at least one question")
        return None
    mark = fields.get("pass", len(queries))
    if type(mark) is not int or not 0 <= mark <= len(queries):
        problems.append(f"{line}: pass is {mark!r}, not a number from 0 to {len(queries)}")
    questions = [
        _question(query, f"{where}, question {number}", problems)
        for number, query in enumerate(queries, start=1)
    ]
    if len(problems) > before:
        return None
    return Tier(str(name).strip(), top_k, mark, tuple(q for q in questions if q is not None))


def _question(entry: object, where: str, problems: list[str]) -> Question | None:
    fields = _fields(entry, ("text", "expect"), where, problems)
    if fields is None:
        return None
    line = f"line {fields[_LINE]}: {where}"
    text = fields.get("text")
    if not isinstance(text, str) or not text.strip():
        problems.append(f"{line} has no text")
        return None
    if not is_unicode(text):
        problems.append(f"{line} contains half a surrogate pair")
        return None
    expected = _expectation(fields.get("expect"), line, problems)
    return None if expected is None else Question(text.strip(), expected)


def _expectation(entry: object, line: str, problems: list[str]) -> Expectation | None:
    fields = _fields(entry, (*_KINDS, "at_least"), f"{line}: expect", problems)
    if fields is None:
        return None
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        problems.append(f"{line}: expect must have one of {', '.join(_KINDS)}")
        return None
    (kind,) = kinds
    value = fields[kind]
    if kind == "keywords":
        return _keywords(value, fields.get("at_least"), line, problems)
    if not isinstance(value, str) or not value:
        problems.append(f"{line}: {kind} is {value!r}, not a text")
        return None
    if "at_least" in fields:
        problems.append(f"{line}: at_least goes with keywords")
    return Expectation(category=value) if kind == "category" else Expectation(source=value)


def _keywords(
    value: object, at_least: object, line: str, problems: list[str]
) -> Expectation | None:
    if not isinstance(value, list) or not value:
        problems.append(f"{line}: keywords is not a list of at least one word")
        return None
    words = [str(word) for word in value if isinstance(word, str | int | float) and str(word)]
    if len(words) != len(value):
        problems.append(f"{line}: a keyword is not a text")
        return None
    wanted = len(words) if at_least is None else at_least
    if type(wanted) is not int or not 1 <= wanted <= len(words):
        problems.append(f"{line}: at_least is {wanted!r}, not a number from 1 to {len(words)}")
        return None
    return Expectation(keywords=tuple(map(Keyword, words)), at_least=wanted)
