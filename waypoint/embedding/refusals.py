"""What the SDK raises, translated once into the errors of our own tree.

The forms of Google's error bodies are those users report (``QuotaFailure`` with a
``quotaId``, ``RetryInfo`` with a ``retryDelay``, ``ErrorInfo`` with a ``reason``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
from google.genai import errors

from waypoint.embedding.port import CallRefusedError, QuotaExceededError, TransientCallError
from waypoint.embedding.quota.day import daily_quota_error
from waypoint.errors import KeyRefusedError, RequestRefusedError

_REASON_LENGTH = 200
_KEY = re.compile(r"AIza[\w-]+|(?<=api_key:)[^'\"\s]+")
"""An API key: Google quotes it where it says that a consumer is suspended."""
_TEXT_REFUSED = frozenset({400, 413, 422})
_INVALID = "INVALID_ARGUMENT"
"""These refuse what was sent. All else that refuses may pass: an aborted call, a proxy's page,
a condition that is not met."""
_RETRIED_STATUS = frozenset({408, 425, 499, 500, 502, 503, 504})


def translate(error: errors.APIError | httpx2.HTTPError | ValueError, model: str) -> Exception:
    """The error to raise in its place.

    A ``ValueError`` out of the SDK is an answer that was not JSON.
    """
    if isinstance(error, errors.APIError):
        return _translate_status(error, model)
    if isinstance(error, httpx2.HTTPError):
        return TransientCallError(f"connection failed ({type(error).__name__})")
    return TransientCallError(f"malformed answer ({type(error).__name__})", 200)


def _translate_status(error: errors.APIError, model: str) -> Exception:
    code = error.code
    reason = f"{code} {_first_line(error.status)}".strip()
    said = _first_line(error.message)
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
        value = _whole(violation.get("quotaValue"))
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
    """Seconds of RetryInfo's ``retryDelay`` ("33s"); None without one."""
    for detail in _details(error):
        if str(detail.get("@type", "")).endswith("RetryInfo"):
            try:
                return max(0.0, float(str(detail.get("retryDelay", "")).removesuffix("s")))
            except ValueError:
                return None
    return None


def _whole(value: object) -> int | None:
    try:
        return int(str(value)) or None
    except ValueError:
        return None


def _first_line(message: object) -> str:
    lines = str(message or "").strip().splitlines()
    said = _KEY.sub("***", lines[0])[:_REASON_LENGTH] if lines else ""
    # Neither a terminal nor a file of UTF-8 takes whatever JSON can hold.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said)
