"""What a run spends its time on, as figures that may be asked for at any moment.

Counters that the pipeline keeps as it goes; whoever wants to know takes a snapshot, and two
snapshots say what happened between them. Nothing is counted by the chunk: a message of a
hundred of them costs a few microseconds.
"""

from __future__ import annotations

from waypoint.observe.gauges.snapshots import (
    PipelineSnapshot,
    QuotaState,
    StageSnapshot,
    StreamSnapshot,
)
from waypoint.observe.gauges.stages import Gauges, doing, doing_for_nobody

__all__ = [
    "Gauges",
    "PipelineSnapshot",
    "QuotaState",
    "StageSnapshot",
    "StreamSnapshot",
    "doing",
    "doing_for_nobody",
]
