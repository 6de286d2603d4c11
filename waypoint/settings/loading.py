"""Where settings come from: options, then the environment, then ``.env``, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from waypoint.errors import ConfigurationError
from waypoint.sanitize import learn_secrets
from waypoint.settings.model import NAMES, Settings
from waypoint.settings.renamed import refuse_old_variables


def load_settings(**options: Any) -> Settings:
    """Build the settings; options that are None were not given and change nothing.

    Raises:
        ConfigurationError: naming every impossible value at once, a variable by an old name, or
            ``.env`` if it cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
    learn_secrets(os.environ)
    try:
        from_file = _from_file(Path(".env"))
        # Before they are looked at: what is wrong with one is told with its value.
        learn_secrets(from_file)
        refuse_old_variables(os.environ, "the environment")
        refuse_old_variables(from_file, ".env")
        return Settings(**{**_named(from_file), **_named(os.environ), **given})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            sentence = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{name}: {sentence}" if name else sentence)
        raise ConfigurationError(
            "; ".join(problems),
            hint="correct the option, the environment variable or the line in .env",
        ) from error
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f".env cannot be read: {error}", hint="save it as UTF-8 text that this user may read"
        ) from error


def _from_file(path: Path) -> dict[str, str | None]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(path, encoding="utf-8")


def _named(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Those that are settings, in whatever case; an empty one says nothing, but for names."""
    lower = ((name.lower(), value) for name, value in variables.items())
    return {
        name: value
        for name, value in lower
        if name in Settings.model_fields and value is not None and (value or name in NAMES)
    }
