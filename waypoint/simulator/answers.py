"""Answers as the service writes them: JSON indented by two, a value a line, gzipped.

Printing floats would take most of the simulator's time. Values are whole multiples of 1e-8,
so every line has the same width, and a vector is a template into which the sign and two
groups of four digits are copied from a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

_LINE = b"         0.00000000,\n"
"""21 bytes; a client sees ``-0.03931594`` or ``0.03931594`` amid white space."""
_SIGN, _HIGH, _LOW = 8, 11, 15
"""Where sign, first and last four digits stand in a line."""

_GZIP_WBITS = 31


@dataclass(frozen=True, slots=True)
class _Frame:
    """The text around the vectors. A vector ends with a comma, which the last one loses."""

    begin: bytes
    vector_begin: bytes
    vector_end: bytes
    end: bytes


_BATCH = _Frame(
    b'{\n  "embeddings": [\n', b'    {\n      "values": [\n', b"      ]\n    },\n", b"  ]"
)
_SINGLE = _Frame(b"{\n", b'  "embedding": {\n    "values": [\n', b"    ]\n  },\n", b"")


class AnswerWriter:
    """Writes one answer, a slice of vectors at a time."""

    def __init__(self, digits: NDArray[np.uint32], *, single: bool, gzip: bool) -> None:
        """``digits`` is ``four_digits()``, kept by the caller from answer to answer."""
        self._digits = digits
        self._frame = _SINGLE if single else _BATCH
        self._gzip = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP_WBITS) if gzip else None
        self._pieces: list[bytes] = []
        self._put(self._frame.begin)

    def add(self, values: NDArray[np.int32], *, last: bool, first_value: bytes = b"") -> None:
        """Add vectors, shape (n, dimensions), in units of 1e-8; ``last`` if none follow.

        ``first_value`` takes the place of the very first value, for answers meant to be wrong.
        """
        lines = self._lines(values)
        if first_value:
            begin = len(self._frame.vector_begin)
            lines[0, begin : begin + len(_LINE)] = np.frombuffer(
                first_value.rjust(len(_LINE) - 2) + b",\n", np.uint8
            )
        if last:
            lines[-1, -2] = ord(" ")
        self._put(lines)

    def finish(self, prompt_tokens: int | None) -> bytes:
        """The whole body; ``prompt_tokens`` for models whose answers tell them."""
        usage = b""
        if prompt_tokens is not None:
            usage = b',\n  "usageMetadata": {\n    "promptTokenCount": %d\n  }' % prompt_tokens
        self._put(self._frame.end + usage + b"\n}\n")
        if self._gzip is not None:
            self._pieces.append(self._gzip.flush())
        return b"".join(self._pieces)

    def _put(self, piece: Any) -> None:
        self._pieces.append(bytes(piece) if self._gzip is None else self._gzip.compress(piece))

    def _lines(self, values: NDArray[np.int32]) -> NDArray[np.uint8]:
        """The vectors as text: shape (n, bytes of a vector)."""
        count, dimensions = values.shape
        frame, width = self._frame, len(_LINE)
        # A vector's last value has no comma; white space keeps the width.
        values_text = _LINE * (dimensions - 1) + _LINE[:-2] + b" \n"
        text = np.frombuffer(frame.vector_begin + values_text + frame.vector_end, np.uint8)
        lines = np.tile(text, (count, 1))

        def column(place: int, dtype: str) -> NDArray[Any]:
            offset = len(frame.vector_begin) + place
            strides = (lines.strides[0], width)
            return np.ndarray((count, dimensions), dtype, lines.data, offset, strides)

        magnitude = np.abs(values)
        high = magnitude // 10_000
        column(_SIGN, "u1")[...] = np.where(values < 0, np.uint8(ord("-")), np.uint8(ord(" ")))
        column(_HIGH, "<u4")[...] = self._digits.take(high)
        column(_LOW, "<u4")[...] = self._digits.take(magnitude - high * 10_000)
        return lines


def four_digits() -> NDArray[np.uint32]:
    """The texts ``0000`` to ``9999``, each as the four bytes of an integer: shape (10000,)."""
    return np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), "<u4")
