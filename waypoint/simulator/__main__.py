"""``python -m waypoint.simulator``: the simulator as a process of its own.

When it is ready it writes one line of JSON to stdout: ``{"base_url": "http://…"}``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import get_args

from waypoint.simulator.faults import Fault
from waypoint.simulator.settings import QuotaTold, QuotaUnit, SimulatorSettings, Tier, WindowKind
from waypoint.simulator.simulator import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or, with ``--exit-with-stdin``, the end of standard input."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    host, port = options.pop("host"), options.pop("port")
    exit_with_stdin = options.pop("exit_with_stdin")
    try:
        settings = SimulatorSettings(**{**options, "faults": dict(options["faults"])})
    except ValueError as error:
        parser.error(str(error))
    if exit_with_stdin:
        threading.Thread(target=_terminate_at_end_of_stdin, daemon=True).start()
    try:
        asyncio.run(serve(settings, host, port, _announce))
    except (OSError, UnicodeError) as error:
        print(f"cannot listen on {host}:{port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _announce(base_url: str) -> None:
    print(json.dumps({"base_url": base_url}), flush=True)  # noqa: T201


def _terminate_at_end_of_stdin() -> None:
    # os.read, since a thread blocked in sys.stdin's lock spoils the interpreter's end.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _rate(text: str) -> tuple[Fault, float]:
    name, _, rate = text.partition("=")
    return Fault(name), float(rate)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{port} is not a port: 0 to 65535")
    return port


def _script_entry(text: str) -> Fault | None:
    return None if text == "none" else Fault(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m waypoint.simulator",
        description="A local server that speaks the Gemini embedding API.",
        epilog=f"Faults: {', '.join(Fault)}.",
    )
    defaults = SimulatorSettings()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=0, help="0 takes a free one (default: %(default)s)")
    add("--exit-with-stdin", action="store_true", help="end when standard input is closed")

    quota = parser.add_argument_group("quotas (0: no limit)")
    quota.add_argument("--rpm", type=int, default=0, help="texts a minute")
    quota.add_argument("--tpm", type=int, default=0, help="tokens a minute")
    quota.add_argument("--rpd", type=int, default=0, help="texts a day")
    for name, choices, text in (
        ("tier", Tier, "whose quota ids a 429 names"),
        ("quota_window", WindowKind, "what a minute is"),
        ("quota_unit", QuotaUnit, "what counts against --rpm and --rpd"),
        ("quota_told", QuotaTold, "what a 429 tells of the quota"),
    ):
        quota.add_argument(
            f"--{name.replace('_', '-')}",
            choices=get_args(choices),
            default=getattr(defaults, name),
            help=f"{text} (default: %(default)s)",
        )

    latency = parser.add_argument_group("latency, in milliseconds")
    latency.add_argument("--latency-ms", type=float, default=0.0, help="of a call")
    latency.add_argument("--latency-per-text-ms", type=float, default=0.0, help="for each text")
    latency.add_argument("--latency-jitter-ms", type=float, default=0.0, help="at random, up to")
    latency.add_argument(
        "--arrival-jitter-ms",
        type=float,
        default=0.0,
        help="the way here, before a call is counted: at random, up to",
    )

    faults = parser.add_argument_group("faults")
    faults.add_argument(
        "--fault",
        dest="faults",
        type=_rate,
        action="append",
        default=[],
        metavar="NAME=RATE",
        help="share of the calls that meet it; may be repeated",
    )
    faults.add_argument(
        "--next-fault",
        dest="fault_script",
        type=_script_entry,
        action="append",
        default=[],
        metavar="NAME",
        help="fault of the next call, or none; may be repeated, for the calls after it",
    )
    faults.add_argument(
        "--fault-retry-delay-s",
        type=float,
        default=defaults.fault_retry_delay_s,
        help="what the RetryInfo of rate_limited asks for (default: %(default)s)",
    )
    faults.add_argument("--poison", default="", help="refuse calls with a text that contains it")
    faults.add_argument(
        "--spoil", default="", help="calls with a text that contains it meet --spoil-with"
    )
    faults.add_argument(
        "--spoil-with",
        type=Fault,
        choices=list(Fault),
        default=defaults.spoil_with,
        metavar="NAME",
        help="their fault (default: %(default)s)",
    )
    faults.add_argument("--seed", type=int, default=0, help="of faults and jitter")

    keys = parser.add_argument_group("keys")
    keys.add_argument("--api-key", help="the only key accepted (default: any)")
    for name, text in (("refused", "API_KEY_INVALID"), ("leaked", "PERMISSION_DENIED")):
        keys.add_argument(
            f"--{name}-key",
            dest=f"{name}_keys",
            action="append",
            default=[],
            metavar="KEY",
            help=f"a key answered with {text}; may be repeated",
        )

    add(
        "--record-texts",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="count how often each text was answered (default: on)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
