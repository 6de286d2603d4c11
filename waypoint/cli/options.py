"""Options: made from the settings and handed back as settings; and those of every command."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer._click.exceptions import NoSuchOption
from typer.core import TyperCommand

from waypoint.cli.streams import Streams
from waypoint.files import keep_private
from waypoint.settings import (
    CHOICE_NAMES,
    FACTS,
    Given,
    Group,
    Loaded,
    LogFormat,
    LogLevel,
    Settings,
)
from waypoint.settings import load as load_from_everywhere
from waypoint.settings.renamed import refuse_old_option

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter


_PYDANTICS = re.compile(r"^(?:Value error, )?Input should be (.*?)(?:, unable to .*)?$")
"""What typer says of a value, in words that are made for programmers."""


class StrictCommand(TyperCommand):
    """A command that takes no empty value: ``ingest "$DIR"`` where DIR is not set means no folder.

    Asked here, since a ``Path`` made of nothing is the working folder. Only what decides which
    documents there are may be empty: so it is taken back.
    """

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """As the base class.

        Raises:
            BadParameter: an empty value.
            UsageError: an option by the name it had before.
        """
        try:
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        except NoSuchOption as error:
            refuse_old_option(self.name or "", error.option_name)
            raise
        for parameter in self.params:
            value = given.get(parameter.name or "")
            values = value if isinstance(value, list | tuple) else [value]
            empty = any(isinstance(each, str) and not each.strip() for each in values)
            if empty and parameter.name not in CHOICE_NAMES:
                raise typer.BadParameter("it is empty", param_hint=repr(parameter.opts[0]))
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = _PYDANTICS.sub(r"must be \1", error.message)
            raise

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The options by what they are about, the command's own before the settings."""
        groups: dict[str, list[tuple[str, str]]] = {each: [] for each in ("Arguments", "Options")}
        groups |= {group: [] for group in Group}
        for parameter in self.get_params(ctx):
            if told := parameter.get_help_record(ctx):
                if parameter.param_type_name == "argument":
                    groups["Arguments"].append((told[0].partition(" <")[0], told[1]))
                else:
                    group = getattr(parameter, "rich_help_panel", None)
                    groups[group or "Options"].append(told)
        for group, options in groups.items():
            if options:
                with formatter.section(group):
                    formatter.write_dl(options)


def takes_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these settings, in the place of its ``settings``.

    It is called with those that were given, by name.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            if parameter.name == "settings":
                parameters += map(_parameter, names)
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @functools.wraps(command)
        def call(**values: Any) -> None:
            options = {name: values.pop(name) for name in names}
            # A list that was not given may be an empty one.
            given = {name: each for name, each in options.items() if each not in (None, [])}
            command(settings=given, **values)

        call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {each.name: each.annotation for each in parameters}
        return call

    return decorate


_METAVARS = {int: "N", float: "N", Path: "PATH"}


def _parameter(name: str) -> inspect.Parameter:
    facts = FACTS[name]
    # A number or a word stays a text here: the settings tell what it may be, wherever it stands.
    kind = facts.kind if facts.kind in (bool, list[str], Path) else str
    metavar = "|".join(facts.choices) or _METAVARS.get(facts.kind, "TEXT")
    option = typer.Option(
        facts.option,
        help=facts.told,
        metavar=None if kind is bool else metavar,
        autocompletion=_completion(facts.choices) if facts.choices else None,
        show_default=False,
        rich_help_panel=facts.group,
    )
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=None, annotation=annotation)


def _completion(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [each for each in choices if each.startswith(incomplete)]

    return complete


def load(given: Mapping[str, Any], *, verbose: bool = False) -> Settings:
    """The settings of a command; names that are nearly a setting's are told.

    Raises:
        ConfigurationError: as ``settings.load``.
    """
    return load_with_origins(given, verbose=verbose).settings


def _tell_as_it_is_to_be(given: Mapping[str, Given]) -> None:
    # What is wrong with another setting is told in this form as well.
    if "log_format" in given and given["log_format"].value == LogFormat.JSON:
        Streams.tell_as_json()


def load_with_origins(given: Mapping[str, Any], *, verbose: bool = False) -> Loaded:
    """As ``load``, with where each comes from."""
    level = LogLevel.DEBUG if verbose else None
    loaded = load_from_everywhere(_tell_as_it_is_to_be, **given, log_level=level)
    keep_private(wanted=loaded.settings.private_files)
    if loaded.remarks:
        from waypoint.observe.terminal import Terminal

        terminal = Terminal(stderr=True)
        for remark in loaded.remarks:
            terminal.tell(f"warning: {remark}")
    return loaded


def knowledge_base(more: str, **options: Any) -> Any:
    """The folder as an argument; ``more``: what else its help says; ``options``: typer's."""
    told = FACTS["knowledge_base_path"].told
    return typer.Argument(help=told + more, show_default=False, **options)


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks of errors.")]
