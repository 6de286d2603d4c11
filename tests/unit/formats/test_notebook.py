"""Jupyter notebooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.reading import assert_sound, read_one, reject_of
from waypoint.formats.registry import ParsedDocument


def notebook(*cells: dict[str, Any], **about: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": about, "nbformat": 4}).encode()


def markdown(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": list(lines)}


def code(text: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": text, "outputs": list(outputs)}


def read(*cells: dict[str, Any], **about: Any) -> ParsedDocument:
    parsed = read_one("a.ipynb", notebook(*cells, **about))
    assert_sound(parsed)
    return parsed


def test_cells_stand_in_their_order() -> None:
    """Markdown with its headings and tables, code as code of its language, and what it printed."""
    parsed = read(
        markdown("# Tides\n", "\n", "| a |\n", "|---|\n", "| 1 |\n"),
        code("print(6)", {"output_type": "stream", "text": ["6\n"]}),
        {"cell_type": "raw", "source": "plain"},
        language_info={"name": "python"},
        title="Tides of Sund",
        authors=[{"name": "Ada"}, {"name": "Bo"}],
    )
    assert parsed.text == (
        "# Tides\n\n| a |\n|---|\n| 1 |\n\n```python\nprint(6)\n```\n\n```\n6\n```\n\nplain"
    )
    assert [each.title for each in parsed.headings] == ["Tides"]
    assert [each.kind for each in parsed.blocks] == ["table", "code", "code"]
    assert (parsed.title, parsed.metadata) == ("Tides of Sund", {"author": "Ada, Bo"})


def test_images_are_told_with_their_cell() -> None:
    """In outputs, and attached to Markdown; a table of a data frame is text."""
    plot = {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}}
    frame = {"output_type": "execute_result", "data": {"text/html": "<b>", "text/plain": "a  1"}}
    parsed = read(
        code("plot()", plot),
        code("frame", frame),
        {**markdown("![x](attachment:x.png)"), "attachments": {"x.png": {}}},
    )
    assert parsed.warnings == ("images not read: cells 1, 3",)
    assert "```\na  1\n```" in parsed.text


def test_errors_and_colours_of_a_terminal() -> None:
    """An error is its name and what it says; escape sequences are none of the text."""
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["x"]}
    stream = {"output_type": "stream", "text": "\x1b[31mred\x1b[0m"}
    parsed = read(code("f()", error, stream))
    assert parsed.text == "```\nf()\n```\n\n```\nValueError: no\n```\n\n```\nred\n```"


def test_an_older_notebook_is_read() -> None:
    """Of format 3: worksheets, cells of headings, ``input`` in place of ``source``."""
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Part"]},
        {"cell_type": "code", "input": ["x = 1"], "language": "python"},
    ]
    parsed = read_one("a.ipynb", json.dumps({"worksheets": [{"cells": cells}]}).encode())
    assert parsed.text == "## Part\n\n```\nx = 1\n```"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "it has no cells"),
        (b"[1]", "it has no cells"),
    ],
)
def test_what_is_no_notebook_is_a_reject(data: bytes, reason: str) -> None:
    """And one without a cell is empty."""
    assert reason in reject_of("a.ipynb", data).reason
    assert read_one("a.ipynb", notebook()).text == ""


def test_cells_of_any_form_cost_themselves_alone() -> None:
    """Numbers, lists and nothing where texts are expected."""
    odd: list[dict[str, Any]] = [
        {},
        {"cell_type": "code", "source": 5, "outputs": [1, {"data": [], "text": {}}]},
        {"cell_type": "heading", "level": "x", "source": [1, "H"]},
        {"cell_type": "markdown", "source": None},
    ]
    assert read(*odd, markdown("text"), language_info={"name": "`x`"}).text == "# H\n\ntext"
