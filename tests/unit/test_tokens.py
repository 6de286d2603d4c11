"""Estimates of tokens."""

# ruff: noqa: RUF001  (letters of other scripts are what this is about)

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waypoint.embedding.tokens import (
    MOST_CHARACTERS_PER_TOKEN,
    estimate_tokens,
    most_tokens,
    token_bound,
)

ENGLISH = (
    "The container was loaded in the port of Rotterdam and reached its destination two weeks "
    "later. Customs officers opened it because the declaration named the wrong goods, and the "
    "carrier had to pay for the delay. "
)
FINNISH = (
    "Kontti lastattiin Rotterdamin satamassa ja se saapui perille kahden viikon kuluttua. Tulli "
    "avasi sen, koska ilmoituksessa oli väärät tavarat, ja rahdinkuljettajan täytyi maksaa "
    "viivästyksestä. "
)
RUSSIAN = (
    "Контейнер был погружен в порту Роттердама и прибыл к месту назначения через две недели. "
    "Таможня вскрыла его, потому что в декларации были указаны не те товары, и перевозчику "
    "пришлось заплатить за задержку. "
)
KOREAN = (
    "컨테이너는 로테르담 항구에서 선적되어 이 주 뒤에 목적지에 도착했습니다. 세관은 신고서에 "
    "잘못된 물품이 적혀 있어 컨테이너를 열었고, 운송인은 지연에 대한 비용을 내야 했습니다. "
)
CHINESE = "集装箱在鹿特丹港装船，两周后到达目的地。因为申报单上写错了货物，海关打开了它。"
JAPANESE = "コンテナはロッテルダム港で積み込まれ、二週間後に目的地に到着しました。"
HEBREW = "המכולה הועמסה בנמל רוטרדם והגיעה ליעדה כעבור שבועיים. המכס פתח אותה מיד. "
HINDI = "कंटेनर रॉटरडैम के बंदरगाह पर लादा गया और दो सप्ताह बाद अपने गंतव्य पर पहुँचा। "
PYTHON = '''
def stale(found, wanted):
    """Those of the ids that are not wanted, in order."""
    kept = set(wanted)
    for chunk_id in sorted(found):
        if chunk_id not in kept and len(chunk_id) > 16:
            yield chunk_id, found[chunk_id].start + 1
'''


@pytest.mark.parametrize(
    ("text", "measured", "above"),
    [
        (ENGLISH, 4.36, 1.15),
        (FINNISH, 3.12, 1.15),
        (RUSSIAN, 6.41, 1.45),
        (KOREAN, 4.02, 1.25),
        (CHINESE, 3.93, 1.15),
        (JAPANESE, 4.97, 1.25),
        (HEBREW, 3.82, 1.15),
        (HINDI, 9.28, 1.45),
        (PYTHON, 3.52, 1.35),
    ],
    ids=["English", "Finnish", "Russian", "Korean", "Chinese", "Japanese", "Hebrew", "Hindi", "py"],
)
def test_estimates_are_close_to_what_was_measured(text: str, measured: float, above: float) -> None:
    """In bytes a token, for the tokenizer of Gemma 3: at most a few per cent below (letters
    of English don't tell Finnish), and not far above."""
    tokens = len(text.encode()) / measured
    below = 0.85 if text is FINNISH else 0.95
    assert below * tokens <= estimate_tokens(text * 20) / 20 <= above * tokens


def test_each_digit_is_a_token() -> None:
    """The tokenizer splits them."""
    assert estimate_tokens("4711" * 100) == 400


def test_what_no_vocabulary_has_falls_to_its_bytes() -> None:
    """Such as cuneiform: four tokens a character."""
    assert estimate_tokens("𒀀𒀁𒀂") == 12


@pytest.mark.parametrize("text", ["", " ", "a", "\n", "京"])
def test_there_is_no_text_without_a_token(text: str) -> None:
    """Not even an empty one."""
    assert estimate_tokens(text) == 1
    assert most_tokens(text) >= 1


@given(st.text(), st.text())
@example("京", "")
def test_a_longer_text_never_has_fewer_tokens(begin: str, end: str) -> None:
    """Nor more than its parts together; and no text has more tokens than bytes."""
    whole = estimate_tokens(begin + end)
    assert whole >= estimate_tokens(begin)
    assert whole >= estimate_tokens(end)
    assert whole <= estimate_tokens(begin) + estimate_tokens(end)
    assert len(begin + end) / MOST_CHARACTERS_PER_TOKEN <= whole
    assert whole <= max(1, len((begin + end).encode("utf-8", "surrogatepass")))


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_weighed_the_same_beside_other_characters(text: str) -> None:
    """There are two ways to the same sum; a dash weighs one token."""
    alone = estimate_tokens(text)
    assert estimate_tokens(text + "\u2014") == (alone + 1 if text else 1)


@given(st.text(), st.text())
@example("a" * 24, "b")
def test_the_cautious_estimate_is_never_the_smaller_one(begin: str, end: str) -> None:
    """And grows with the text, whatever runs together."""
    whole = most_tokens(begin + end)
    assert whole >= estimate_tokens(begin + end)
    assert whole >= most_tokens(begin)
    assert whole >= most_tokens(end)
    assert whole <= token_bound(begin + end)


def test_the_cautious_estimate_covers_what_words_do_not() -> None:
    """Base64 has about 1.6 characters a token; Somali, in ASCII, 2.83."""
    key = base64.b64encode(random.Random(7).randbytes(900)).decode()
    assert most_tokens(key) > len(key) / 1.6
    assert most_tokens(ENGLISH * 10) > len(ENGLISH * 10) / 2.83
