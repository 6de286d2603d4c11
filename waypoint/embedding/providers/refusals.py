"""What a call fails of, translated once into the errors of our own tree.

The forms of Google's error bodies are those users report (``QuotaFailure`` with a
``quotaId``, ``RetryInfo`` with a ``retryDelay``, ``ErrorInfo`` with a ``reason``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import httpx2

from waypoint.bounded_http import UnusableAnswerError
from waypoint.embedding.port import CallRefusedError, QuotaExceededError, TransientCallError
from waypoint.embedding.providers.account_troubles import trouble_of
from waypoint.embedding.providers.error_answer import ErrorAnswer, word
from waypoint.embedding.rate_limit.day import daily_quota_error
from waypoint.errors import (
    AccountRefusedError,
    KeyRefusedError,
    RequestRefusedError,
    no_more_files,
)

_TEXT_REFUSED = frozenset({400, 413, 422})
_INVALID = "INVALID_ARGUMENT"
"""These refuse what was sent. All else that refuses may pass: an aborted call, a proxy's page."""
_RETRIED_STATUS = frozenset({408, 425, 499, 500, 502, 503, 504})
NOT_SERVED = frozenset({404, 405, 501})
"""Statuses of what a server has no answer to."""

_DELAY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)s")
"""A duration as protobuf writes it in JSON; one below zero is no delay."""
LONGEST_DELAY = 7 * 86_400.0
"""Seconds; a longer delay is taken for one of so long: nothing of ours waits for it."""
_FIGURE = re.compile(r"[1-9][0-9]{0,11}")
"""A quota's value: of a text or more, and less than a billion times a thousand."""

CallFailure: TypeAlias = (
    ErrorAnswer | httpx2.HTTPError | httpx2.InvalidURL | ValueError | RecursionError
)
CALL_FAILURES = (
    ErrorAnswer, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError,
)  # fmt: skip
"""What a call raises; the last two are an answer that the SDK can make nothing of."""


@dataclass(frozen=True, slots=True)
class Called:
    """Who was called and with what: for the hint of an error."""

    model: str
    credential: str = "GOOGLE_API_KEY"
    """The setting that holds it."""
    base_url: str | None = None
    """None for Google's own address."""
    vertex: bool = False
    """Whether it is Vertex AI."""


def translate(error: CallFailure, called: Called, texts: Sequence[str] = ()) -> Exception:
    """The error to raise in its place; ``texts`` are those of the call, which it never quotes."""
    if isinstance(error, ErrorAnswer):
        return _translate_answer(error, called, texts)
    if isinstance(error, UnusableAnswerError):
        return TransientCallError(str(error), 200)
    if isinstance(error, httpx2.HTTPError):
        return no_more_files(error) or TransientCallError(
            f"connection failed ({type(error).__name__})"
        )
    return TransientCallError(f"malformed answer ({type(error).__name__})", 200)


def _translate_answer(error: ErrorAnswer, called: Called, texts: Sequence[str]) -> Exception:
    code, said = error.code, error.said(texts)
    reason = f"{code} {error.status}".strip()
    whole = f"{reason}: {said}" if said else reason
    trouble = trouble_of(error)
    if trouble is not None and not trouble.key:
        return AccountRefusedError(f"{trouble.headline} ({whole})", hint=trouble.hint)
    if code == httpx2.codes.TOO_MANY_REQUESTS:
        return _translate_quota(error, reason, said)
    if trouble is not None or code in (401, 403):
        return KeyRefusedError(
            f"the service refuses the {'credentials' if called.vertex else 'API key'} ({whole})",
            hint=(trouble.hint if trouble else _key_hint(error, called)).format(
                credential=called.credential
            ),
        )
    if code in NOT_SERVED:
        return _not_served(error, whole, called)
    if code in _RETRIED_STATUS or code >= 500:
        return TransientCallError(reason, code, _retry_delay(error), said=said)
    doubtful = code not in _TEXT_REFUSED or error.status not in ("", _INVALID)
    return CallRefusedError(whole, code, doubtful=doubtful)


def _key_hint(error: ErrorAnswer, called: Called) -> str:
    if called.vertex:
        return (
            "let the account of {credential} use Vertex AI (role roles/aiplatform.user on "
            "GOOGLE_CLOUD_PROJECT), or use another"
        )
    if called.base_url is not None and not error.is_googles:
        return (
            "see what the server at GOOGLE_GEMINI_BASE_URL wants: a key of its own in "
            "{credential}, or a header in GOOGLE_GEMINI_HEADERS"
        )
    return (
        "set {credential} to a key that is valid for the Gemini API "
        "(https://aistudio.google.com/apikey)"
    )


def _not_served(error: ErrorAnswer, whole: str, called: Called) -> RequestRefusedError:
    if error.is_googles and error.code == httpx2.codes.NOT_FOUND:
        return RequestRefusedError(
            f"the service does not know the model {called.model!r} ({whole})",
            hint="set EMBEDDING_MODEL to a model the key may use"
            + (" and GOOGLE_CLOUD_LOCATION to where it is served" if called.vertex else ""),
        )
    if called.base_url is None:
        return RequestRefusedError(
            f"the service does not take embedding calls ({whole})",
            hint="something between here and the service answers in its place: see HTTPS_PROXY",
        )
    return RequestRefusedError(
        f"the server at GOOGLE_GEMINI_BASE_URL does not serve the Gemini API's embedding calls "
        f"({whole})",
        hint=f"set GOOGLE_GEMINI_BASE_URL to what stands before /v1beta/models/{called.model}:"
        "batchEmbedContents there",
    )


def _translate_quota(error: ErrorAnswer, reason: str, said: str) -> Exception:
    """By the quotaId: a daily limit, too, carries a retryDelay of seconds."""
    rpm = tpm = None
    for violation in error.violations():
        quota_id = word(violation.get("quotaId"))
        value = _figure(violation.get("quotaValue"))
        if "PerDay" in quota_id:
            return daily_quota_error(value, said=said)
        if "Token" in quota_id:
            tpm = value
        else:
            rpm = value
    return QuotaExceededError(reason, retry_after=_retry_delay(error), rpm=rpm, tpm=tpm, said=said)


def _retry_delay(error: ErrorAnswer) -> float | None:
    """Seconds of RetryInfo's ``retryDelay`` ("33s"); None without one that can be meant."""
    for detail in error.typed("RetryInfo"):
        delay = _DELAY.fullmatch(word(detail.get("retryDelay")))
        return min(float(delay[1]), LONGEST_DELAY) if delay else None
    return None


def _figure(value: object) -> int | None:
    figure = word(value)
    return int(figure) if _FIGURE.fullmatch(figure) else None
