"""``config``: each setting, its value, and where that comes from; ``init``: a file of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from waypoint.cli.options import Json, load_with_origins
from waypoint.errors import UsageError
from waypoint.observe.terminal import Terminal, print_json
from waypoint.sanitize import MASK
from waypoint.settings import FACTS, TOML_FILE, Group, SettingFacts, Settings

USERS = [facts for facts in FACTS.values() if not facts.internal]


def config(*, json: Json = False) -> None:
    """Show each setting, its value and where it comes from."""
    loaded = load_with_origins({})
    origins = {
        facts: given.origin if (given := loaded.given.get(facts.name)) else "default"
        for facts in USERS
    }
    values = {facts: _value(facts, loaded.settings) for facts in USERS}
    if json:
        print_json(
            {each.variable: {"value": values[each], "from": origins[each]} for each in USERS}
        )
        return
    terminal = Terminal()
    for facts, value in values.items():
        shown = ",".join(value) if isinstance(value, list) else value
        told = facts.default if shown in (None, "") else _plain(shown)
        terminal.tell(f"{facts.variable}={told}  ({origins[facts]})")


def init() -> None:
    """Write a waypoint.toml with every setting, commented out."""
    try:
        with TOML_FILE.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in _lines())
    except FileExistsError:
        raise UsageError(
            f"there is a {TOML_FILE} already", hint="edit that, or move it away first"
        ) from None
    Terminal().tell(f"wrote {TOML_FILE}: uncomment what you need")


def _lines() -> Iterator[str]:
    yield "# Settings of Waypoint. Options, the environment and .env take precedence over this"
    yield "# file. Keys belong in the environment or in .env, which nobody commits."
    for group, settings in groupby(sorted(USERS, key=_place), key=lambda each: each.group):
        yield from ("", "", f"# --- {group} ---")
        yield from _entries(settings)


def _place(facts: SettingFacts) -> int:
    return list(Group).index(facts.group)


def _entries(settings: Iterable[SettingFacts]) -> Iterator[str]:
    for facts in settings:
        if facts.secret:
            continue
        default = _toml(Settings.model_fields[facts.name].default)
        about = (f"range: {facts.range}", facts.range), (f"default: {facts.default}", not default)
        yield ""
        yield f"# {'; '.join([facts.help, *(told for told, is_so in about if is_so)])}."
        yield f"# {facts.name} = {default}".rstrip()


def _value(facts: SettingFacts, settings: Settings) -> object:
    value = getattr(settings, facts.name)
    if value is not None and facts.secret:
        return MASK
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float | None) else str(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _toml(default: object) -> str:
    """As it is written in TOML; empty where there is none."""
    if isinstance(default, bool | int | float):
        return _plain(default)
    # A name of ours has nothing that TOML would have escaped.
    return f'"{default}"' if default else ""
