"""Fixtures that many modules have alike: each is made by a line of the module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.background_simulator import BackgroundSimulator, background_simulator
from tests.support.command import Workspace
from tests.support.corpus import write_corpus


def simulator_fixture(scope: Literal["function", "module"] = "function", **settings: Any) -> Any:
    """``simulator``: one with these settings; by default without limits, and new for each test."""

    @pytest.fixture(scope=scope, name="simulator")
    def made() -> Iterator[BackgroundSimulator]:
        with background_simulator(**settings) as running:
            yield running

    return made


def workspace_fixture(documents: int, sections: int, **variables: str) -> Any:
    """``workspace``: so many documents of so many chunks, not yet ingested, and the simulator."""

    @pytest.fixture(name="workspace")
    def made(tmp_path: Path, simulator: BackgroundSimulator) -> Workspace:
        return _workspace(tmp_path, simulator, documents, sections, variables)

    return made


def ingested_fixture(documents: int, sections: int, **variables: str) -> Any:
    """``ingested``: the same, ingested; one for the whole module, only to be copied."""

    @pytest.fixture(scope="module", name="ingested")
    def made(tmp_path_factory: pytest.TempPathFactory, simulator: BackgroundSimulator) -> Workspace:
        folder = tmp_path_factory.mktemp("ingested")
        workspace = _workspace(folder, simulator, documents, sections, variables)
        assert workspace.run().code == 0
        return workspace

    return made


def _workspace(
    folder: Path,
    simulator: BackgroundSimulator,
    documents: int,
    sections: int,
    variables: dict[str, str],
) -> Workspace:
    workspace = Workspace(folder)
    workspace.use({**simulator.environment, **variables})
    write_corpus(workspace.knowledge_base, documents=documents, sections=sections)
    return workspace
