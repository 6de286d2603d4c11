"""What the SDK raises, translated once into the errors of our own tree.

The forms of Google's error bodies are those users report (``QuotaFailure`` with a
``quotaId``, ``RetryInfo`` with a ``retryDelay``, ``ErrorInfo`` with a ``reason``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import httpx2
import orjson
from google.genai import errors

from waypoint.bounded_http import UnusableAnswerError
from waypoint.embedding.port import CallRefusedError, QuotaExceededError, TransientCallError
from waypoint.embedding.rate_limit.day import daily_quota_error
from waypoint.errors import KeyRefusedError, RequestRefusedError, no_more_files
from waypoint.sanitize import QUOTING, quotes, sanitize

_REASON_LENGTH = 200
_TEXT_REFUSED = frozenset({400, 413, 422})
_INVALID = "INVALID_ARGUMENT"
"""These refuse what was sent. All else that refuses may pass: an aborted call, a proxy's page,
a condition that is not met."""
_RETRIED_STATUS = frozenset({408, 425, 499, 500, 502, 503, 504})

_MOST_SHOWN = 4096
"""Characters of a page that is none of Google's errors."""
_DELAY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)s")
"""A duration as protobuf writes it in JSON; one below zero is no delay."""
LONGEST_DELAY = 7 * 86_400.0
"""Seconds; a longer delay is taken for one of so long: nothing of ours waits for it."""
_FIGURE = re.compile(r"[1-9][0-9]{0,11}")
"""A quota's value: of a text or more, and less than a billion times a thousand."""

CallFailure: TypeAlias = (
    errors.APIError | httpx2.HTTPError | httpx2.InvalidURL | ValueError | RecursionError
)
CALL_FAILURES = (
    errors.APIError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError,
)  # fmt: skip
"""What the SDK raises; the last two are an answer that it can make nothing of."""


def legible_error(body: bytes, phrase: str) -> bytes:
    """An error's body in the form in which the SDK takes it, whatever it is.

    A proxy's page may be in any encoding, JSON of any shape, or nested so deeply that the SDK's
    parser breaks at it. ``phrase``: what is said where the body says nothing.
    """
    try:
        told = orjson.loads(body)
        error = (told[0] if isinstance(told, list) else told)["error"]
        return orjson.dumps(
            {"error": {name: error.get(name) for name in ("message", "status", "details")}}
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        # orjson's errors are of these kinds: what is deeper than it reads or writes is one, too.
        pass
    try:
        page = body.decode()
    except UnicodeDecodeError:
        page = body.decode("latin-1")
    return orjson.dumps({"message": page[:_MOST_SHOWN], "status": phrase})


def is_object(body: bytes) -> bool:
    """Whether it is a JSON object, of a depth that can be read."""
    try:
        return isinstance(orjson.loads(body), dict)
    except ValueError:
        return False


def translate(error: CallFailure, model: str, texts: Sequence[str] = ()) -> Exception:
    """The error to raise in its place; ``texts`` are those of the call, which it never quotes."""
    if isinstance(error, errors.APIError):
        return _translate_status(error, model, texts)
    if isinstance(error, UnusableAnswerError):
        return TransientCallError(str(error), 200)
    if isinstance(error, httpx2.HTTPError):
        return no_more_files(error) or TransientCallError(
            f"connection failed ({type(error).__name__})"
        )
    return TransientCallError(f"malformed answer ({type(error).__name__})", 200)


def _translate_status(error: errors.APIError, model: str, texts: Sequence[str]) -> Exception:
    code = error.code
    reason = f"{code} {_first_line(error.status, texts)}".strip()
    said = _first_line(error.message, texts)
    if code == httpx2.codes.TOO_MANY_REQUESTS:
        return _translate_quota(error, reason)
    if code in _RETRIED_STATUS or code >= 500:
        return TransientCallError(reason, code, _retry_delay(error))
    reasons = {str(detail.get("reason")) for detail in _details(error)}
    if code in (401, 403) or "API_KEY_INVALID" in reasons or "API key not valid" in said:
        return KeyRefusedError(
            f"the service refuses the API key ({reason}: {said})",
            hint="set GOOGLE_API_KEY to a key that is valid for the Gemini API "
            "(https://aistudio.google.com/apikey)",
        )
    if code == httpx2.codes.NOT_FOUND:
        return RequestRefusedError(
            f"the service does not know the model {model!r} ({reason}: {said})",
            hint="set EMBEDDING_MODEL to a model the key may use",
        )
    doubtful = code not in _TEXT_REFUSED or (error.status or _INVALID) != _INVALID
    return CallRefusedError(f"{reason}: {said}" if said else reason, code, doubtful=doubtful)


def _translate_quota(error: errors.APIError, reason: str) -> Exception:
    """By the quotaId: a daily limit, too, carries a retryDelay of seconds."""
    rpm = tpm = None
    for violation in _violations(error):
        quota_id = str(violation.get("quotaId", ""))
        value = _figure(violation.get("quotaValue"))
        if "PerDay" in quota_id:
            return daily_quota_error(value)
        if "Token" in quota_id:
            tpm = value
        else:
            rpm = value
    return QuotaExceededError(reason, retry_after=_retry_delay(error), rpm=rpm, tpm=tpm)


def _details(error: errors.APIError) -> Iterator[dict[str, Any]]:
    """The typed details of the body; none where the body is not in Google's form."""
    body = error.details
    inner = body.get("error", {}) if isinstance(body, dict) else {}
    details = inner.get("details", []) if isinstance(inner, dict) else []
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict):
            yield detail


def _violations(error: errors.APIError) -> Iterator[dict[str, Any]]:
    for detail in _details(error):
        if str(detail.get("@type", "")).endswith("QuotaFailure"):
            violations = detail.get("violations")
            for violation in violations if isinstance(violations, list) else []:
                if isinstance(violation, dict):
                    yield violation


def _retry_delay(error: errors.APIError) -> float | None:
    """Seconds of RetryInfo's ``retryDelay`` ("33s"); None without one that can be meant."""
    for detail in _details(error):
        if str(detail.get("@type", "")).endswith("RetryInfo"):
            delay = _DELAY.fullmatch(str(detail.get("retryDelay", "")))
            return min(float(delay[1]), LONGEST_DELAY) if delay else None
    return None


def _figure(value: object) -> int | None:
    return int(str(value)) if _FIGURE.fullmatch(str(value)) else None


def _first_line(message: object, texts: Sequence[str]) -> str:
    lines = str(message or "").strip().splitlines()
    # It is kept in the ledger, and told in later runs, too.
    said = sanitize(lines[0])[:_REASON_LENGTH] if lines else ""
    if quotes(said, texts):
        return QUOTING
    return said
