"""A local server that speaks the Gemini embedding API, with its quotas, errors and faults.

It also serves uploaded files and asynchronous batch jobs, whose time may pass faster
(``batch_speed``, or ``Simulator.advance``). The real google-genai SDK works against it
unmodified: set ``GOOGLE_GEMINI_BASE_URL`` (or ``HttpOptions(base_url=…)``) to its
``base_url`` and use any key. It knows nothing of the rest of Waypoint.

Run it in this process (``async with Simulator(settings) as simulator``), as a process
(``python -m waypoint.simulator --rpm 3000``), or as a coroutine that owns its process
(``serve``). While it runs, ``/_simulator/stats``, ``/texts``, ``/settings``, ``/reset`` and
``/advance`` tell and change what it does.

Speed, measured on one core of a 2-core x86-64 virtual machine, CPython 3.11: 7,100 to
8,500 texts/s (batches of 100 texts of 600 characters that all differ, 768 dimensions, gzip, 8
calls in flight, ``record_texts`` on), and 3,700 with 3,072 dimensions. Repeated texts gain
nothing, since no vector is cached. The server was pinned to one core by ``taskset``, and
loaded from the other by a process that posts ready-made bodies over raw keep-alive sockets
and reads the answers without parsing them. A figure is the median of five rounds of 20,000
texts (three runs of 768 dimensions, one of 3,072), with the server's core busy throughout and
other work on the machine.
"""

from __future__ import annotations

from waypoint.simulator.batch.faults import JobFault
from waypoint.simulator.faults import Fault
from waypoint.simulator.settings import SimulatorSettings
from waypoint.simulator.simulator import Simulator, serve
from waypoint.simulator.stats import SimulatorStats
from waypoint.simulator.vectors import Embedder, vector_of

__all__ = [
    "Embedder",
    "Fault",
    "JobFault",
    "Simulator",
    "SimulatorSettings",
    "SimulatorStats",
    "serve",
    "vector_of",
]
