"""The command line: a module a command; here the program as a whole, and how an error ends it."""

from __future__ import annotations

import os
import sys
from typing import Annotated, cast

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError
from typer.core import TyperGroup

from waypoint import __version__
from waypoint.cli.cache import cache
from waypoint.cli.config import config, init
from waypoint.cli.ingest import ingest
from waypoint.cli.inspect import inspect
from waypoint.cli.jobs import jobs
from waypoint.cli.options import StrictCommand
from waypoint.cli.search import search
from waypoint.cli.status import status
from waypoint.cli.streams import steady_streams
from waypoint.cli.verify import verify
from waypoint.errors import ExitCode, UsageError
from waypoint.settings import LogFormat

_HELP = ["-h", "--help"]

main_app = typer.Typer(
    name="waypoint",
    help="Stream a folder of documents into a Chroma collection of Gemini embeddings.",
    no_args_is_help=True,
    context_settings={"help_option_names": _HELP},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"waypoint {__version__}")
        raise typer.Exit


@main_app.callback()
def _root(
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    return


for command in (ingest, verify, search, status, jobs, cache, inspect, config, init):
    main_app.command(cls=StrictCommand)(command)


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Serve the Gemini embedding API locally, for trials."""
    from waypoint.simulator.__main__ import main as serve

    serve(context.args, program=context.command_path)


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def benchmark(context: typer.Context) -> None:
    """Measure throughput and the use of a quota."""
    from waypoint.cli.benchmark import benchmark_app

    benchmark_app(context.args, prog_name=context.command_path)


def main(
    arguments: list[str] | None = None, *, command: str = "", program: str = "waypoint"
) -> None:
    """Run the command line and exit with its code.

    ``command``: the only one that ``program`` is, instead of all.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    with steady_streams() as streams:
        if os.environ.get("LOG_FORMAT") == LogFormat.JSON:
            # Before the settings are read, which may fail.
            streams.tell_as_json()
        code: str | int | None
        try:
            code = _run(arguments, command, program)
        except Exception as error:
            # While the streams are sanitized: a traceback of Python's own would not be.
            code = _fail(error, arguments, quiet=streams.said_something())
        except SystemExit as end:
            # Of a program that is a command here: it has told what there is to tell.
            code = end.code
        # A report that is cut off must not look like a whole one.
        if (lost := streams.lost_of_stdout()) and code in (None, ExitCode.OK):
            sys.stderr.write(f"error: stdout could not be written: {lost}\n")
            code = ExitCode.CANNOT_CONTINUE
        sys.exit(code)


def _run(arguments: list[str], command: str, program: str) -> int:
    app = typer.main.get_command(main_app)
    if command:
        app = cast(TyperGroup, app).commands[command]
    try:
        ended = app.main(
            arguments, prog_name=program, standalone_mode=False, help_option_names=_HELP
        )
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ClickException as error:
        asked = getattr(error, "ctx", None)
        hint = f"`{asked.command_path if asked else program} -h` shows what it takes"
        message = error.format_message()
        raise UsageError(message[:1].lower() + message[1:], hint=hint) from None
    # A command that says nothing has done what it was to do.
    return ended or ExitCode.OK


def _fail(error: Exception, arguments: list[str], *, quiet: bool) -> int:
    """Tell what happened, as JSON too if that was asked for; ``quiet``: stdout has something."""
    from waypoint.cli.failures import tell_failure
    from waypoint.failures import flatten
    from waypoint.observe.terminal import Terminal, print_json

    failure = flatten(error)
    tell_failure(Terminal(stderr=True), failure, verbose="--verbose" in arguments)
    if "--json" in arguments and not quiet:
        # As in a report.
        told = {"message": failure.message, "hint": failure.hint}
        print_json({"exit_code": int(failure.exit_code), **told})
    return failure.exit_code
