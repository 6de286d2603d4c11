"""Samples of a run under way, where they cannot be written."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel

from waypoint.observe.gauges import Gauges
from waypoint.observe.sampler import Sampler


async def test_a_disk_that_fails_silences_the_samples_not_the_run(tmp_path: Path) -> None:
    """From the first failure on; what it was can be asked for."""
    folder = tmp_path / "logs"
    folder.mkdir()
    sampler = Sampler(Gauges(), folder / "run.stats.jsonl", 0.001)
    async with anyio.create_task_group() as group:
        group.start_soon(sampler.run)
        while not sampler.path.exists():
            await anyio.lowlevel.checkpoint()
        sampler.path.unlink()
        folder.rmdir()
        with anyio.fail_after(20):
            while sampler.failure is None:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert isinstance(sampler.failure, FileNotFoundError)
    assert not folder.exists()
