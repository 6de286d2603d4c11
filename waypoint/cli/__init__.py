"""The command line: a module a command; here the program as a whole, and how an error ends it."""

from __future__ import annotations

import sys

import typer

from waypoint.cli.cache import cache
from waypoint.cli.config import config, init
from waypoint.cli.ingest import ingest
from waypoint.cli.inspect import inspect
from waypoint.cli.options import StrictCommand
from waypoint.cli.search import search
from waypoint.cli.status import status
from waypoint.cli.streams import steady_streams
from waypoint.cli.verify import verify
from waypoint.errors import ExitCode

main_app = typer.Typer(
    name="waypoint",
    help="Stream a folder of documents into a Chroma collection of Gemini embeddings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@main_app.callback()
def _root() -> None:
    # A callback keeps the commands' names even while there are few of them.
    return


for command in (ingest, verify, search, status, cache, inspect, config, init):
    main_app.command(cls=StrictCommand)(command)


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Serve the Gemini embedding API locally, with quotas and faults (`simulate --help`)."""
    from waypoint.simulator.__main__ import main as serve

    serve(context.args, program=f"{context.find_root().info_name} simulate")


@main_app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def benchmark(context: typer.Context) -> None:
    """Measure throughput, or the use of a quota, against the simulator (`benchmark --help`)."""
    from waypoint.cli.benchmark import benchmark_app

    benchmark_app(context.args, prog_name=f"{context.find_root().info_name} benchmark")


def main(arguments: list[str] | None = None, *, program: str = "waypoint") -> None:
    """Run the command line and exit with its code."""
    with steady_streams() as lost_of_stdout:
        try:
            main_app(sys.argv[1:] if arguments is None else arguments, prog_name=program)
        except KeyboardInterrupt:
            # Before the run has its own handlers there is nothing to drain.
            sys.exit(ExitCode.INTERRUPTED)
        except Exception as error:
            # While the streams are sanitized: a traceback of Python's own would not be.
            from waypoint.cli.failures import flatten, tell_failure
            from waypoint.observe.terminal import Terminal

            failure = flatten(error)
            verbose = "--verbose" in (sys.argv if arguments is None else arguments)
            tell_failure(Terminal(stderr=True), failure, verbose=verbose)
            sys.exit(failure.exit_code)
        except SystemExit as end:
            # A report that is cut off must not look like a whole one.
            if (lost := lost_of_stdout()) and end.code in (None, ExitCode.OK):
                sys.stderr.write(f"error: stdout could not be written: {lost}\n")
                sys.exit(ExitCode.CANNOT_CONTINUE)
            raise
