"""The terminal: the one way by which anything for a person gets there.

Rich's own ``Text`` and ``Console`` are used nowhere else. Whatever a :class:`Text` is made of, and
every plain string that a :class:`Terminal` prints, is sanitized, and never read as markup; what
anybody else writes to ``sys.stdout`` or ``sys.stderr`` (argument errors, warnings, tracebacks) is
sanitized by those streams (``cli/streams.py``), past which only a Terminal can write colours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, Any

import rich.console
import rich.text
from rich.segment import Segment

from waypoint.sanitize import json_bytes, sanitize, visible


class Text(rich.text.Text):
    """Words in a style, fit for a terminal. Line ends and tabs count as such."""

    _fit = staticmethod(sanitize)

    def __init__(self, text: str = "", style: str = "") -> None:
        super().__init__(self._fit(text), style)

    def append(self, text: rich.text.Text | str, style: Any = None) -> Text:
        super().append(self._fit(text) if isinstance(text, str) else text, style)
        return self


class Passage(Text):
    """A document's own text: nothing in it is masked, which would change what it says."""

    _fit = staticmethod(visible)


class Terminal(rich.console.Console):
    """Prints texts, tables and progress; ``options`` are rich's, as ``stderr`` and ``width``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, highlight=False, markup=False, emoji=False)

    @property
    def file(self) -> IO[str]:
        """Where it writes: past what sanitizes the stream for everybody else."""
        stream = super().file
        through: IO[str] = getattr(stream, "through", stream)
        return through

    @file.setter
    def file(self, new: IO[str]) -> None:
        self._file = new

    def tell(self, line: rich.text.Text | str, style: str = "") -> None:
        """Print a line that is whole, however long; a terminal wraps it, a file need not."""
        self.print(Text(line, style) if isinstance(line, str) else line, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> rich.text.Text:
        return super().render_str(sanitize(text), **options)

    def render(
        self, renderable: rich.console.RenderableType, options: Any = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # A text of rich's own making: a prompt, or what was printed beside a live display.
            fit = segment.text if segment.control else visible(segment.text)
            yield segment if fit == segment.text else Segment(fit, segment.style)


def print_json(value: Any, *, documents: bool = False) -> None:
    """Print to stdout, indented, as ``sanitize.json_bytes`` makes it."""
    print_bytes(json_bytes(value, indent=True, documents=documents))


def print_bytes(data: bytes) -> None:
    """Print to stdout what :func:`json_bytes` has made."""
    sys.stdout.buffer.write(data)


def duration(seconds: float) -> str:
    """``75`` becomes ``1m15s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
