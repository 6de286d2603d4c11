"""Vectors that follow a text's words: the same everywhere, always, and near for near texts.

A text's vector is a sum of its words' contributions and a little noise of its own:

- each word goes into eight signed buckets chosen by hashes: four of the word, four of its
  first letters, so that inflected forms are near each other. It weighs the more the longer
  it is, and grows with the logarithm of how often it occurs.
- the noise, drawn by the SHA-256 of the whole text, gives a vector to a text without words,
  and different vectors to any two texts.

It is scaled to a length between 0.6 and 0.85 that also depends on the text: below 3,072
dimensions the real model's vectors are not of unit length either. The model's name goes into
every hash. The task type does not count, so a query is near a document with its words.

Everything up to the scaling is done in whole numbers, and the scaling by operations that
IEEE 754 defines to the last bit: no machine, batch or numpy version makes a difference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b, sha256, shake_256

import numpy as np
from numpy.typing import NDArray

from waypoint.simulator.models import MAX_DIMENSIONS

DECIMALS = 8
"""Values are whole multiples of 1e-8: as many decimals as an answer shows."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
_STEM_LETTERS = 5
_FULL_WEIGHT_LETTERS = 6
_BUCKETS = 8
_BUCKET_WEIGHTS = np.repeat(np.array([3 * 1024, 2 * 1024]), 4)
_NOISE_OFFSETS = 65_536
_NOISE_PEAK = 320
_MAX_WORDS = 200_000


class Embedder:
    """Makes the vectors of one model. Keeps the hashes of words it met, about 40 MB at most."""

    def __init__(self, model: str) -> None:
        self._key = sha256(model.encode()).digest()
        octets = shake_256(self._key).digest(2 * (_NOISE_OFFSETS + MAX_DIMENSIONS))
        noise = np.frombuffer(octets, "<u2") % (2 * _NOISE_PEAK + 1)
        self._noise = noise.astype(np.int16) - np.int16(_NOISE_PEAK)
        self._rows: dict[str, int] = {}
        self._hashes: NDArray[np.uint32] = np.empty((4096, _BUCKETS), np.uint32)
        self._weights: NDArray[np.int64] = np.empty(4096, np.int64)

    def vectors(self, texts: Sequence[str], dimensions: int) -> NDArray[np.float32]:
        """What a client receives for these texts: shape (len(texts), dimensions)."""
        digests = [text_digest(text) for text in texts]
        values = self.scaled(texts, digests, dimensions) / 10**DECIMALS
        vectors: NDArray[np.float32] = values.astype(np.float32)
        return vectors

    def scaled(
        self, texts: Sequence[str], digests: Sequence[bytes], dimensions: int
    ) -> NDArray[np.int32]:
        """Shape (len(texts), dimensions), in units of 1e-8; ``digests`` are the texts' own."""
        seeds = np.frombuffer(b"".join(digests), np.uint8).reshape(len(texts), -1)
        sums = self._words(texts, dimensions) + self._noise_of(seeds, dimensions)
        squares = np.einsum("ij,ij->i", sums, sums)
        lengths = 0.6 + seeds[:, 8] / 1024
        factors = lengths * 10**DECIMALS / np.sqrt(squares.astype(np.float64))
        scaled: NDArray[np.int32] = np.rint(sums * factors[:, None]).astype(np.int32)
        return scaled

    def _words(self, texts: Sequence[str], dimensions: int) -> NDArray[np.int64]:
        if len(self._rows) > _MAX_WORDS:
            self._rows.clear()
        rows: list[int] = []
        repeats: list[int] = []
        distinct: list[int] = []
        for text in texts:
            counts = Counter(_WORD.findall(text.lower()))
            rows.extend(map(self._row, counts))
            # The bit length is a logarithm that every machine agrees on.
            repeats.extend(map(int.bit_length, counts.values()))
            distinct.append(len(counts))
        found = np.array(rows, np.intp)
        hashes = self._hashes[found]
        weights = (np.array(repeats, np.int64) * self._weights[found])[:, None] * _BUCKET_WEIGHTS
        signed = np.where(hashes & 1, weights, -weights)
        owners = np.repeat(np.arange(len(texts)) * dimensions, distinct)
        buckets = owners[:, None] + (hashes >> 1) % np.uint32(dimensions)
        flat = np.bincount(
            buckets.ravel(), weights=signed.ravel(), minlength=len(texts) * dimensions
        )
        return flat.astype(np.int64).reshape(len(texts), dimensions)

    def _row(self, word: str) -> int:
        row = self._rows.get(word)
        if row is None:
            row = self._rows[word] = len(self._rows)
            if row == len(self._weights):
                self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
                self._weights = np.concatenate([self._weights, np.empty_like(self._weights)])
            octets = self._hash(word, b"word") + self._hash(word[:_STEM_LETTERS], b"stem")
            self._hashes[row] = np.frombuffer(octets, "<u4")
            self._weights[row] = min(len(word), _FULL_WEIGHT_LETTERS)
        return row

    def _hash(self, word: str, purpose: bytes) -> bytes:
        return blake2b(word.encode(), digest_size=16, key=self._key, person=purpose).digest()

    def _noise_of(self, seeds: NDArray[np.uint8], dimensions: int) -> NDArray[np.int16]:
        """The sum of two stretches of the model's noise, which are drawn from 2**31 pairs."""
        offsets = np.ascontiguousarray(seeds[:, :4]).view("<u2")
        stretches = np.lib.stride_tricks.sliding_window_view(self._noise, dimensions)
        noise: NDArray[np.int16] = stretches[offsets[:, 0]] + stretches[offsets[:, 1]]
        return noise


def text_digest(text: str) -> bytes:
    """The SHA-256 of the text's UTF-8: 32 bytes."""
    return sha256(text.encode()).digest()


def vector_of(text: str, model: str, dimensions: int) -> NDArray[np.float32]:
    """The vector a client receives for a text: shape (dimensions,), not of unit length.

    It prepares an ``Embedder`` each time; for many texts, keep one.
    """
    vector: NDArray[np.float32] = Embedder(model).vectors([text], dimensions)[0]
    return vector
