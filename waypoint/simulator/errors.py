"""Refusals in the form that Google's services give them.

Bodies follow what users report of the live service: a message, a status, and details typed
by ``@type``.
"""

from __future__ import annotations

from waypoint.simulator.models import MAX_TEXTS_PER_CALL, SimulatedModel
from waypoint.simulator.quota import SECOND_NS, Limit, QuotaExceeded, Violation

_LIMITS_PAGE = "https://ai.google.dev/gemini-api/docs/rate-limits"
_METRIC = "generativelanguage.googleapis.com/embed_content_{tier}_tier_{what}"

_QUOTA_IDS = {
    ("free", Limit.TEXTS_PER_MINUTE): (
        "EmbedContentRequestsPerMinutePerUserPerProjectPerModel-FreeTier"
    ),
    ("free", Limit.TEXTS_PER_DAY): "EmbedContentRequestsPerDayPerUserPerProjectPerModel-FreeTier",
    ("free", Limit.TOKENS_PER_MINUTE): (
        "EmbedContentInputTokensPerMinutePerProjectPerModel-FreeTier"
    ),
    ("paid", Limit.TEXTS_PER_MINUTE): "EmbedContentPerMinutePerProjectPerUserPerModel-PaidTier",
    ("paid", Limit.TEXTS_PER_DAY): "EmbedContentRequestsPerDayPerUserPerProjectPerModel-PaidTier",
    ("paid", Limit.TOKENS_PER_MINUTE): (
        "EmbedContentInputTokensPerMinutePerProjectPerModel-PaidTier"
    ),
}


class Refusal(Exception):  # noqa: N818
    """An answer other than 200."""

    def __init__(
        self, code: int, status: str, message: str, details: list[dict[str, object]] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details

    def body(self) -> dict[str, object]:
        """What is sent, before it is made JSON."""
        error: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid_argument(message: str) -> Refusal:
    return Refusal(400, "INVALID_ARGUMENT", message)


def too_many_texts() -> Refusal:
    return invalid_argument(
        f"* BatchEmbedContentsRequest.requests: at most {MAX_TEXTS_PER_CALL} requests can be in "
        "one batch\n"
    )


def body_too_large(limit: int) -> Refusal:
    return invalid_argument(f"Request payload size exceeds the limit: {limit} bytes.")


def key_invalid() -> Refusal:
    message = "API key not valid. Please pass a valid API key."
    return Refusal(
        400,
        "INVALID_ARGUMENT",
        message,
        [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": message,
            },
        ],
    )


def key_leaked() -> Refusal:
    return Refusal(
        403,
        "PERMISSION_DENIED",
        "Your API key was reported as leaked. Please use another API key.",
    )


def model_not_found(name: str, version: str, method: str) -> Refusal:
    return Refusal(
        404,
        "NOT_FOUND",
        f"models/{name} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
    )


def internal() -> Refusal:
    return Refusal(
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    )


def unavailable() -> Refusal:
    return Refusal(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")


def deadline_exceeded() -> Refusal:
    return Refusal(
        504, "DEADLINE_EXCEEDED", "The request timed out. Please try sending the request again."
    )


def resource_exhausted() -> Refusal:
    """The 429 that tells neither which quota nor how long to wait."""
    return Refusal(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")


def vertex_quota_exceeded(model: SimulatedModel) -> Refusal:
    """As Vertex AI says it: without a delay, and without a figure."""
    return Refusal(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/"
        "embed_content_input_tokens_per_minute_per_base_model with base model: "
        f"{model.quota_name}. Please submit a quota increase request. "
        "https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
    )


def quota_exceeded(model: SimulatedModel, tier: str, exceeded: QuotaExceeded) -> Refusal:
    """The 429 that says which quotas and how long; without violations it names no quota.

    ``retryDelay`` is the time until the call fits, rounded up to the millisecond: a client
    that waits for it is admitted.
    """
    seconds, rest_ns = divmod(exceeded.retry_after_ns, SECOND_NS)
    metrics = "".join(
        f"\n* Quota exceeded for metric: {_metric(tier, violation.limit)}, "
        f"limit: {violation.value}, model: {model.quota_name}"
        for violation in exceeded.violations
    )
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more "
        f"information on this error, head to: {_LIMITS_PAGE}. {metrics}"
        f"\nPlease retry in {seconds}.{rest_ns:09d}s."
    )
    details: list[dict[str, object]] = [
        {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [
                {"description": "Learn more about Gemini API quotas", "url": _LIMITS_PAGE},
            ],
        }
    ]
    if exceeded.violations:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [_violation(model, tier, each) for each in exceeded.violations],
            }
        )
    details.append(
        {
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": _duration(exceeded.retry_after_ns),
        }
    )
    return Refusal(429, "RESOURCE_EXHAUSTED", message, details)


def _violation(model: SimulatedModel, tier: str, violation: Violation) -> dict[str, object]:
    return {
        "quotaMetric": _metric(tier, violation.limit),
        "quotaId": _QUOTA_IDS[tier, violation.limit],
        "quotaDimensions": {"location": "global", "model": model.quota_name},
        "quotaValue": str(violation.value),
    }


def _metric(tier: str, limit: Limit) -> str:
    what = "input_token_count" if limit is Limit.TOKENS_PER_MINUTE else "requests"
    return _METRIC.format(tier=tier, what=what)


def _duration(nanoseconds: int) -> str:
    """A protobuf Duration in JSON: ``33s``, or ``33.385s`` with a part of a second."""
    milliseconds = -(-nanoseconds // 1_000_000)
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds}.{rest:03d}s" if rest else f"{seconds}s"
