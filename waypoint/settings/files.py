"""The files that settings stand in: ``.env`` and ``waypoint.toml`` in the working folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from waypoint.errors import ConfigurationError

ENV_FILE = Path(".env")
TOML_FILE = Path("waypoint.toml")

_ASSIGNMENT = re.compile(r"""\s*(?:"([\w-]+)"|'([\w-]+)'|([\w-]+))\s*=""")


@dataclass(frozen=True, slots=True)
class Line:
    """One name with its value, as a file has it."""

    name: str
    """As it is written."""
    value: str | tuple[str, ...] | None
    """Whatever its type there, in the form that a variable has; None: a name without ``=``."""
    number: int
    file: Path


def env_lines() -> list[Line]:
    """The lines of ``.env``; none if there is no such file.

    Raises:
        ConfigurationError: it can't be read, or a line of it; named by its number alone, since it
            may hold a key.
    """
    if (text := _text(ENV_FILE)) is None:
        return []
    from dotenv.main import DotEnv
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(StringIO(text)))
    if broken := next((each for each in bindings if each.error), None):
        raise _unreadable(ENV_FILE, broken.original.line, _what_is_wrong(broken.original.string))
    # ``${NAME}`` in a value means what it means to Docker Compose.
    values = DotEnv(None, stream=StringIO(text)).dict()
    return [
        Line(each.key, values[each.key], _first_line(each.original.string, each.original.line),
             ENV_FILE)
        for each in {each.key: each for each in bindings if each.key is not None}.values()
        if each.key is not None
    ]  # fmt: skip


def toml_lines() -> list[Line]:
    """The settings of ``waypoint.toml``; none if there is no such file.

    Raises:
        ConfigurationError: it can't be read, has a table, or a value that no setting can have.
    """
    if (text := _text(TOML_FILE)) is None:
        return []
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{TOML_FILE} can't be read: {error}", hint="correct it: it is to be TOML"
        ) from None
    numbers = dict(_numbered(text))
    return [
        Line(name, _as_variable(value, name, numbers.get(name, 1)), numbers.get(name, 1), TOML_FILE)
        for name, value in table.items()
    ]


def _as_variable(value: object, name: str, number: int) -> str | tuple[str, ...]:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(each, str) for each in value):
            return tuple(value)
        case dict():
            raise ConfigurationError(
                f"{TOML_FILE} line {number}: {name} is a table",
                hint="settings stand at the top level, without a line in [brackets]",
            )
        case _:
            raise ConfigurationError(
                f"{TOML_FILE} line {number}: {name} is neither a text, a number, true or false, "
                "nor a list of texts",
                hint="put it in quotes",
            )


def _text(path: Path) -> str | None:
    if not path.is_file():
        # A folder of that name is a virtual environment, mostly.
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, number, "it is not UTF-8") from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be read: {error.strerror}",
            hint="let this user read it, or remove it",
        ) from None


def _unreadable(path: Path, number: int, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} line {number} can't be read: {why}",
        hint="write NAME=value, in UTF-8; a value with spaces or # in it in quotes",
    )


def _what_is_wrong(line: str) -> str:
    _, equals, value = line.strip().partition("=")
    if equals and value.strip()[:1] in ("'", '"'):
        return "its quotes are not closed, or something comes after them"
    return "it is not NAME=value"


def _first_line(original: str, number: int) -> int:
    # Empty lines before it are part of it.
    return number + original[: len(original) - len(original.lstrip())].count("\n")


def _numbered(text: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*\[+\s*([\w-]+)", line):
            yield heading[1], number
        elif assignment := _ASSIGNMENT.match(line):
            yield next(filter(None, assignment.groups())), number
