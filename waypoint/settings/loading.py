"""Where settings come from: options, the environment, ``.env``, ``waypoint.toml``, defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from waypoint.errors import ConfigurationError
from waypoint.sanitize import learn_secrets
from waypoint.settings.facts import FACTS
from waypoint.settings.files import TOML_FILE, Line, env_lines, toml_lines
from waypoint.settings.model import NAMES, Settings
from waypoint.settings.problems import Given, told
from waypoint.settings.renamed import refuse_old_variables

_ALIKE = 0.8
"""How alike, by difflib, two names have to be for one to be taken for the other."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each that isn't a default comes from."""

    settings: Settings
    given: Mapping[str, Given]
    """By the field of ``Settings``."""
    remarks: Sequence[str]
    """Names of ``.env`` that are nearly a setting's."""


def load_settings(**options: Any) -> Settings:
    """The settings of ``load``, for whoever needs these alone."""
    return load(**options).settings


def load(look: Callable[[Mapping[str, Given]], None] = lambda _: None, **options: Any) -> Loaded:
    """Build the settings; options that are None were not given and change nothing.

    ``look`` is called with what was given, before that is checked.

    Raises:
        ConfigurationError: naming every impossible value at once and where it stands, a variable
            by an old name, an unknown one of ``waypoint.toml``, or a line that can't be read.
    """
    learn_secrets(os.environ)
    of_toml, of_env = toml_lines(), env_lines()
    # Before they are looked at: what is wrong with one is told with its value.
    learn_secrets({line.name.upper(): str(line.value or "") for line in [*of_toml, *of_env]})
    refuse_old_variables(os.environ, "the environment")
    for lines in (of_env, of_toml):
        for line in lines:
            refuse_old_variables({line.name: str(line.value or "")}, str(line.file))
    if unknown := [line for line in of_toml if _field(line.name) not in FACTS]:
        raise ConfigurationError(
            "; ".join(map(_strange, unknown)),
            hint="correct or remove it: `waypoint config` lists all settings",
        )
    given = {
        **_lines(of_toml),
        **_lines(of_env),
        **_environment(),
        **{name: Given.option(name, each) for name, each in options.items() if each is not None},
    }
    look(given)
    settings = _checked(given)
    strangers = [line for line in of_env if _field(line.name) not in FACTS]
    return Loaded(settings, given, [_strange(line) for line in strangers if _nearest(line.name)])


def load_keywords(**keywords: Any) -> Settings:
    """The settings of a program that runs in another one: keywords, then the environment.

    The files of the working folder are that other program's.

    Raises:
        ConfigurationError: as ``load``, and for a keyword that is no setting.
    """
    learn_secrets(os.environ)
    learn_secrets({name.upper(): str(value or "") for name, value in keywords.items()})
    refuse_old_variables(os.environ, "the environment")
    if unknown := [name for name in keywords if name not in FACTS]:
        raise ConfigurationError(
            "; ".join(f"{name} is not a setting{_meant(name, str.lower)}" for name in unknown),
            hint="settings are named as their variables, in small letters",
        )
    given = {name: Given.keyword(name, each) for name, each in keywords.items() if each is not None}
    return _checked(_environment() | given)


def _checked(given: Mapping[str, Given]) -> Settings:
    try:
        return Settings(**{name: each.value for name, each in given.items()})
    except ValidationError as error:
        problems = error.errors()
        variables = ", ".join(FACTS[str(problem["loc"][0])].variable for problem in problems)
        raise ConfigurationError(
            "; ".join(told(problem, given) for problem in problems),
            hint=f"correct it where it stands; the README's table of options has {variables}",
        ) from error


def _lines(lines: Iterable[Line]) -> dict[str, Given]:
    found = {name: line for line in lines if (name := _field(line.name)) in FACTS}
    return {name: Given.line(name, line) for name, line in found.items() if _says(name, line.value)}


def _environment() -> dict[str, Given]:
    found = {name.lower(): (name, value) for name, value in os.environ.items()}
    return {
        field: Given.variable(field, name, value)
        for field, (name, value) in found.items()
        if field in FACTS and _says(field, value)
    }


def _says(field: str, value: object) -> bool:
    """An empty variable says nothing: Compose passes on so what is not set. Names are never it."""
    return value is not None and (value != "" or field in NAMES)


def _field(name: str) -> str:
    return name.lower().replace("-", "_")


def _strange(line: Line) -> str:
    meant = _meant(line.name, str.lower if line.file == TOML_FILE else str)
    return f"{line.file} line {line.number}: {line.name} is not a setting{meant}"


def _meant(name: str, spelt: Callable[[str], str]) -> str:
    alike = _nearest(name)
    return f"; did you mean {spelt(alike)}?" if alike else ""


def _nearest(name: str) -> str | None:
    """The variable of the setting that this name is meant for, if any."""
    for facts in FACTS.values():
        # As the option is called: MODEL for EMBEDDING_MODEL.
        if facts.option.partition("/")[0].removeprefix("--").replace("-", "_") == _field(name):
            return facts.variable
    alike = get_close_matches(_field(name), FACTS, n=1, cutoff=_ALIKE)
    return FACTS[alike[0]].variable if alike else None
