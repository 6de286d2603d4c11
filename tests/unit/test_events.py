"""The bus, and what events may hold."""

from __future__ import annotations

from dataclasses import fields

import pytest

from waypoint.observe.events import DocumentCompleted, Event, EventBus, FileSkipped


def test_every_listener_hears_every_event_in_order() -> None:
    """At once, before ``emit`` returns."""
    bus = EventBus()
    heard: list[tuple[str, Event]] = []
    bus.subscribe(lambda event: heard.append(("first", event)))
    bus.subscribe(lambda event: heard.append(("second", event)))
    told = [FileSkipped("a.exe", "no reader"), DocumentCompleted("b.md", 3, 1_000)]
    for event in told:
        bus.emit(event)
    assert heard == [(name, event) for event in told for name in ("first", "second")]


SHOWN = {"int", "float", "str", "bool", "int | None", "float | None", "int | str"}


@pytest.mark.parametrize("kind", Event.__subclasses__(), ids=lambda kind: kind.__name__)
def test_events_hold_only_what_a_log_may_show(kind: type[Event]) -> None:
    """Numbers and short strings; no field for a document's text, a vector or the key."""
    for field in fields(kind):
        assert field.type in {
            "int",
            "float",
            "str",
            "bool",
            "int | None",
            "float | None",
            "int | str",
        }
        assert field.name not in {"text", "content", "vector", "vectors", "key", "api_key"}
