"""``python -m waypoint.simulator``: the simulator as a process of its own.

When it is ready it writes one line of JSON to stdout: ``{"base_url": "http://…"}``.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_origin, get_type_hints

import typer

from waypoint.simulator.batch.faults import JobFault
from waypoint.simulator.faults import Fault
from waypoint.simulator.settings import SimulatorSettings
from waypoint.simulator.simulator import serve

T = TypeVar("T", bound=StrEnum)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port, 0 for any free one.")]
ExitWithStdin = Annotated[
    bool, typer.Option("--exit-with-stdin", help="End when standard input is closed.")
]


def main(arguments: Sequence[str], *, program: str = "python -m waypoint.simulator") -> None:
    """Run until SIGTERM, SIGINT or, with ``--exit-with-stdin``, the end of standard input.

    Raises:
        SystemExit: always, with the exit code.
    """
    app = typer.Typer(
        context_settings={"help_option_names": ["-h", "--help"]},
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command()(_with_settings())
    app(list(arguments), prog_name=program)


def simulate(
    host: Host = "127.0.0.1",
    port: Port = 0,
    exit_with_stdin: ExitWithStdin = False,
    **options: Any,
) -> None:
    """Serve the Gemini embedding API locally, with quotas and faults."""
    try:
        settings = _settings(options)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if exit_with_stdin:
        threading.Thread(target=_terminate_at_end_of_stdin, daemon=True).start()
    try:
        asyncio.run(serve(settings, host, port, _announce))
    except (OSError, UnicodeError) as error:
        print(f"cannot listen on {host}:{port}: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(1) from error


def _with_settings() -> Callable[..., None]:
    """``simulate`` with an option for each setting of the simulator."""
    hints = get_type_hints(SimulatorSettings)
    *own, _ = inspect.signature(simulate, eval_str=True).parameters.values()
    parameters = [*own, *(_parameter(each, hints[each.name]) for each in fields(SimulatorSettings))]

    @functools.wraps(simulate)
    def call(**options: Any) -> None:
        simulate(**options)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


def _parameter(setting: Field[Any], kind: Any) -> inspect.Parameter:
    told = setting.metadata
    name, value = told["option"], told["value"] or None
    option = typer.Option(*([name] if name else []), help=told["help"], metavar=value)
    several = get_origin(kind) in (tuple, Mapping)
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if several else setting.default,
        annotation=Annotated[list[str] | None if several else kind, option],
    )


def _settings(options: dict[str, Any]) -> SimulatorSettings:
    """
    Raises:
        ValueError: a value is impossible.
    """
    parsed = {
        "faults": dict(_rate(text, Fault) for text in options["faults"] or ()),
        "fault_script": _script(options["fault_script"], Fault),
        "job_faults": dict(_rate(text, JobFault) for text in options["job_faults"] or ()),
        "job_fault_script": _script(options["job_fault_script"], JobFault),
        "refused_keys": tuple(options["refused_keys"] or ()),
        "leaked_keys": tuple(options["leaked_keys"] or ()),
    }
    return SimulatorSettings(**{**options, **parsed})


def _script(names: Sequence[str] | None, kind: type[T]) -> tuple[T | None, ...]:
    return tuple(None if name == "none" else _fault(name, kind) for name in names or ())


def _rate(text: str, kind: type[T]) -> tuple[T, float]:
    name, _, rate = text.partition("=")
    fault = _fault(name, kind)
    try:
        return fault, float(rate)
    except ValueError:
        raise ValueError(f"{text!r} is not NAME=RATE, as in {fault}=0.1") from None


def _fault(name: str, kind: type[T]) -> T:
    if name not in list(kind):
        raise ValueError(f"there is no fault {name!r}")
    return kind(name)


def _announce(base_url: str) -> None:
    print(json.dumps({"base_url": base_url}), flush=True)  # noqa: T201


def _terminate_at_end_of_stdin() -> None:
    # os.read, since a thread blocked in sys.stdin's lock spoils the interpreter's end.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1:])
