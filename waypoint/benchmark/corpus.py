"""Knowledge bases made by a seed: the same files for the same arguments, no two texts alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from waypoint.errors import UsageError

WORDS = {
    "en": "the of a and to in is for that with as on by this it from are at be or an which data "
    "service request table index query memory network latency batch vector document report "
    "operator must check valve pressure before starting after each shift record value limit",
    "de": "der die das und in zu den mit von für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach bei Prüfung Anlage Betrieb Wartung Messwert Grenzwert Behälter "
    "Leitung Druck Temperatur Bericht Anweisung täglich müssen können während überprüfen",
    "fr": "le la les un une des et de du en à au que qui dans pour par sur avec ne pas plus ce "
    "cette être avoir fait année système réseau mémoire donnée mesure contrôle sécurité procédé "
    "température pression vérifier après chaque équipe opérateur numéro sous très où",
    "zh": "的 一 是 在 不 了 有 和 人 这 中 大 为 上 个 国 我 以 要 他 时 来 用 们 生 到 "
    "作 地 于 出 系统 数据 网络 服务 压力 温度 检查 记录 设备 操作 安全 运行 时间 "
    "报告",
    "ja": "の に は を た が で て と し れ さ ある いる も する から な こと として い "
    "や れる など なっ ない この ため その システム データ 圧力 温度 点検 記録 装置 "
    "操作 安全 運転 時間 報告",
    "code": "def return self None for in if else import class await async with raise try except "
    "value = result( items[0] key: str -> int: x += 1 # loop() {} [] lambda: print( True False "
    "yield from not is and or while break assert",
}
"""Common words by language; single characters and syllables where a script has no spaces."""

_UNSPACED = frozenset({"zh", "ja"})


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """What a generated knowledge base is like."""

    chunks: int
    """As many, exactly, if the chunk size below is the ingestion's."""
    chunk_sizes: tuple[int, ...] = (600,)
    """Characters; each chunk is as long as one of these, drawn at random, less a few."""
    files: int | None = None
    """None for as many chunks a file as is said below."""
    chunks_per_file: int = 25
    languages: tuple[str, ...] = ("en",)
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.languages) - WORDS.keys()
        if unknown or not self.languages:
            raise UsageError(
                f"unknown languages: {', '.join(sorted(unknown)) or 'none given'}",
                hint=f"use some of {', '.join(WORDS)}",
            )
        if self.chunks < 1 or (self.files is not None and not 1 <= self.files <= self.chunks):
            raise UsageError(
                f"{self.files or 0:,} files cannot hold {self.chunks:,} chunks",
                hint="each file holds at least one chunk",
            )

    @property
    def chunk_size(self) -> int:
        """What CHUNK_SIZE has to be, so that each section becomes one chunk."""
        return max(self.chunk_sizes)


def write_corpus(folder: Path, settings: CorpusSettings) -> int:
    """Write Markdown files in ten categories; returns their number."""
    files = settings.files or max(1, settings.chunks // settings.chunks_per_file)
    for number in range(files):
        sections = settings.chunks // files + (number < settings.chunks % files)
        draw = random.Random(f"{settings.seed}/{number}")  # noqa: S311
        path = folder / f"category_{number % 10}" / f"document_{number:06}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(_section(draw, settings, each) for each in range(sections))
        path.write_text(text, encoding="utf-8")
    return files


def _section(draw: random.Random, settings: CorpusSettings, number: int) -> str:
    """A heading and a paragraph, together just below a chunk's size."""
    language = draw.choice(settings.languages)
    size = draw.choice(settings.chunk_sizes)
    heading = f"## Section {number} {draw.getrandbits(48):x}\n\n"
    return f"{heading}{_paragraph(draw, language, size - len(heading) - 4)}.\n\n"


def _paragraph(draw: random.Random, language: str, length: int) -> str:
    between = "" if language in _UNSPACED else " "
    words = WORDS[language].split()
    # More than enough: where no space stands between them, a word may be one character.
    paragraph: Sequence[str] = draw.choices(words, k=max(1, length))
    return between.join(paragraph)[:length].rstrip()
