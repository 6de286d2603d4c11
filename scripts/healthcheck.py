"""Whether the run in this container makes progress: what Docker's HEALTHCHECK asks.

Asks the run's own monitor, ``/health`` at METRICS_PORT: 200 while it makes progress, 503 when no
stage moves, no answer when its event loop hangs. A run without a monitor can't be asked, and
counts as well.
"""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT = 8.0
"""Seconds; below the healthcheck's own, so that the reason can still be written."""
LONGEST_REASON = 1000
"""Bytes: Docker keeps only the beginning of what a check writes."""


def main() -> int:
    """0 is healthy, 1 is not. The reason goes to stdout: `docker inspect` shows it."""
    # Not by way of the settings: loading those takes longer than the answer.
    port = os.environ.get("METRICS_PORT", "0")
    if not port.isdecimal() or int(port) == 0:
        print("not asked: METRICS_PORT is not set")  # noqa: T201
        return 0
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        reason = answer.read(LONGEST_REASON).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"the run's monitor does not answer: {error}")  # noqa: T201
        return 1
    finally:
        connection.close()
    print(f"{answer.status} {reason}")  # noqa: T201
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
