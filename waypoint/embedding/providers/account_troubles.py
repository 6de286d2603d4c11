"""What is wrong with an account or a key, by the service's words: no waiting fixes it.

The reasons of ErrorInfo are Google's (google.api.ErrorReason); the sentences are those users
report. A refusal may be several at once: the first names it, and the hints of all are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

from waypoint.embedding.providers.error_answer import ErrorAnswer, word


@dataclass(frozen=True, slots=True)
class Trouble:
    """One of them."""

    headline: str
    hint: str
    """``{credential}`` stands for the setting that holds it."""
    reasons: frozenset[str]
    """Of ErrorInfo."""
    words: re.Pattern[str]
    """In the message."""
    key: bool = False
    """Whether another key fixes it."""
    codes: frozenset[int] = frozenset()
    """Statuses that mean it, whatever is said."""
    even_429: bool = False
    """Whether a 429 with such words is one, too, and no quota of a minute."""


def _trouble(
    headline: str,
    hint: str,
    words: str,
    *reasons: str,
    key: bool = False,
    codes: tuple[int, ...] = (),
    even_429: bool = False,
) -> Trouble:
    pattern = re.compile(words, re.IGNORECASE)
    return Trouble(headline, hint, frozenset(reasons), pattern, key, frozenset(codes), even_429)


_BILLING = (
    "see billing and spend of the key's project at https://aistudio.google.com (add credits, raise "
    "the cap, or link an account that is paid); then run the same command again: what is "
    "kept"
)
_BAD_KEY = _trouble(
    "",
    "set {credential} to a key that is valid for the Gemini API "
    "(https://aistudio.google.com/apikey)",
    r"\bAPI[ _]key (not valid|not found|expired|is invalid|has expired)|\binvalid API[ _]key\b",
    "API_KEY_INVALID",
    "API_KEY_EXPIRED",
    key=True,
)
_TROUBLES = (
    _trouble(
        "the account's credits or its spending cap are used up",
        _BILLING,
        r"\b(credits?|prepay\w*|prepaid|balance|funds)\b[^.\n]*"
        r"\b(deplet|exhaust|used up|insufficient|expired|run out|ran out|too low|negative)"
        r"|\b(insufficient|not enough|no|out of) (\w+ )?(credits?|funds|balance)\b"
        r"|\bspend(ing)?[- ]?(cap|limit)\b|\binsufficient_quota\b|\bpayment required\b",
        codes=(402,),
        even_429=True,
    ),
    _trouble(
        "the account's project is suspended",
        "see the project's notices at https://console.cloud.google.com and appeal there, or use a "
        "key of another project",
        r"\b(project|consumer|account|billing)\b[^.\n]*\b(suspended|terminated|denied access)\b"
        r"|\bhas been suspended\b",
        "CONSUMER_SUSPENDED",
        "USER_PROJECT_DENIED",
        even_429=True,
    ),
    _trouble(
        "billing is not in order",
        _BILLING,
        r"\bbilling\b[^.\n]*\b(disabled|not (been )?(enabled|active|open|linked|found)|closed|"
        r"inactive|past due|delinquent|to be enabled)\b"
        r"|\b(enable|requires?|without|set up|activate) (an? )?(active )?billing\b",
        "BILLING_DISABLED",
    ),
    _trouble(
        "the service is not offered at this location",
        "it is offered in https://ai.google.dev/gemini-api/docs/available-regions: run from there, "
        "or through a proxy (HTTPS_PROXY) or a gateway (GOOGLE_GEMINI_BASE_URL) there",
        r"\blocation\b[^.\n]*\bnot (yet )?(supported|served|available|allowed)\b"
        r"|\bnot (yet )?(supported|served|available|allowed) (in|from|for) (your|this) "
        r"(current )?(country|region|location|territory)\b"
        r"|\b(unsupported|restricted) (country|region|location|territory)\b"
        r"|\b(country|region)\b[^.\n]*\bnot (yet )?supported\b",
        "LOCATION_POLICY_VIOLATED",
        "LOCATION_ORG_POLICY_VIOLATED",
        codes=(451,),
    ),
    _trouble(
        "the API is not enabled for the key's project",
        "enable the API for the key's project (Generative Language API; of Vertex AI: "
        "aiplatform.googleapis.com) by the link in the message, or at "
        "https://console.cloud.google.com/apis/library, and run the same command again some "
        "minutes later",
        r"\bAPI\b[^\n]*\b(has not been used in project|it is disabled|is not enabled|is disabled|"
        r"not been enabled)\b",
        "SERVICE_DISABLED",
        "SERVICE_NOT_ACTIVATED",
        "SERVICE_NOT_VISIBLE",
    ),
    _trouble(
        "the service refuses the project",
        "see the project at https://console.cloud.google.com: its organisation's policies, its "
        "service perimeter, its consent to the terms",
        r"\bproject\b[^.\n]*\b(denied|blocked|not allowed|deleted|invalid)\b"
        r"|\borgani[sz]ation\b[^.\n]*\bpolic(y|ies)\b|\bterms of service\b",
        "CONSUMER_INVALID",
        "SECURITY_POLICY_VIOLATED",
        "ORG_RESTRICTION_VIOLATION",
        "RESOURCE_PROJECT_INVALID",
    ),
    _trouble(
        "",
        "the key was found in public: make a new one at https://aistudio.google.com/apikey, set "
        "{credential} to it, and delete the old one",
        r"\bleaked\b|\bcompromised\b",
        key=True,
    ),
    _trouble(
        "",
        "the key is restricted: allow this use of it (API, IP address, referrer, app) at "
        "https://console.cloud.google.com/apis/credentials, or set {credential} to another",
        r"\brestriction\b|\brestricted\b|\bare blocked\b|\breferr?er\b[^.\n]*\bblocked\b",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_ANDROID_APP_BLOCKED",
        "API_KEY_IOS_APP_BLOCKED",
        "API_KEY_SERVICE_BLOCKED",
        key=True,
    ),
    _BAD_KEY,
)

NO_QUOTA = Trouble(
    "the account has no quota at all for this: a limit of 0",
    "see the project's limits and its plan at https://aistudio.google.com (a free tier may have "
    "none for this model, or where you are: enable billing), or choose another EMBEDDING_MODEL",
    frozenset(),
    re.compile(r"\blimit: 0(?![\d.,]*\d)", re.IGNORECASE),
)
_ABOUT_ACCOUNT = Trouble(
    "the service refuses the account",
    "fix what it says; then run the same command again: what is embedded is kept",
    frozenset(),
    re.compile("(?!)"),
)
_REFUSALS = frozenset({400, 401, 402, 403, 412, 451})


def trouble_of(error: ErrorAnswer) -> Trouble | None:
    """What is wrong, where waiting does not fix it; None where it may, or the texts may be it."""
    if error.code == httpx2.codes.TOO_MANY_REQUESTS:
        return _trouble_of_quota(error)
    if error.code not in _REFUSALS:
        return None
    found = list(_found(error))
    if not found:
        # It is about the account and never about a text.
        return _ABOUT_ACCOUNT if error.status == "FAILED_PRECONDITION" else None
    hints = dict.fromkeys(each.hint for each in found)
    first = found[0]
    return Trouble(first.headline, "; or ".join(hints), first.reasons, first.words, first.key)


def _found(error: ErrorAnswer) -> Iterator[Trouble]:
    reasons = error.reasons
    # A bad request may speak of a text in any words; of an account it does so with a reason, or
    # where it says that a condition is not met.
    listens = error.code != httpx2.codes.BAD_REQUEST or error.status == "FAILED_PRECONDITION"
    for trouble in _TROUBLES:
        if (
            trouble.reasons & reasons
            or error.code in trouble.codes
            or ((listens or trouble is _BAD_KEY) and trouble.words.search(error.message))
        ):
            yield trouble


def _trouble_of_quota(error: ErrorAnswer) -> Trouble | None:
    values = [word(each.get("quotaValue")) for each in error.violations()]
    if "0" in values or (not any(values) and NO_QUOTA.words.search(error.message)):
        return NO_QUOTA
    if any(values):
        # A quota of so much is exceeded: there is more of it in a while.
        return None
    for trouble in _TROUBLES:
        if trouble.reasons & error.reasons or (
            trouble.even_429 and trouble.words.search(error.message)
        ):
            return trouble
    return None
