"""What a call to Chroma raises, translated once into the errors of our own tree."""

from __future__ import annotations

import ssl

import httpx2
import orjson

from waypoint.bounded_http import TooLargeAnswerError, UnusableAnswerError
from waypoint.errors import (
    CannotContinueError,
    StoreDamagedError,
    StoreUnavailableError,
    StoreWriteError,
)
from waypoint.sanitize import QUOTING, quotes
from waypoint.settings import ChromaAddress
from waypoint.storage.port import UnreadableVectorError


class TransientStoreError(Exception):
    """Worth another try.

    ``suspicious``: Chroma's own fault; if it does not pass, the store is damaged.
    ``foreign``: suspicious of a private server alone: an answer that is not in Chroma's form, or
    a write that failed, which may be a proxy's fault, or a disk's that can't be looked at.
    ``stuck``: the server may not get over it. After an error of its disk Chroma was seen to leave
    a transaction open, for whose end every later write waits.
    """

    def __init__(
        self,
        reason: str,
        *,
        suspicious: bool = False,
        foreign: bool = False,
        stuck: bool = False,
    ) -> None:
        super().__init__(reason)
        self.suspicious = suspicious
        self.foreign = foreign
        self.stuck = stuck


class ChromaRefusalError(CannotContinueError):
    """Chroma refuses what was asked, which no repetition fixes: a bug, or a server of another
    kind."""


_REFUSALS = frozenset(
    {
        "BatchSizeExceededError", "ChromaError", "DuplicateID", "IDAlreadyExists",
        "InvalidArgumentError", "InvalidDimension", "InvalidHTTPVersion", "InvalidUUID",
        "UniqueConstraintError", "VersionMismatchError",
    }
)  # fmt: skip
"""Names of chromadb 1.5.9's errors, less those that are looked at above."""

_MOST_TOLD = 500
"""Characters of an error: what is beyond was never seen, and nobody would read it."""

NO_ACCESS = (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN)
# An index that cannot be loaded or written stays so: seen after kills, with chromadb 1.5.9.
_DAMAGE = ("hnsw", "malformed", "not a database", "file is encrypted")
# What Chroma says of an index that it could not write: for want of room, most of the time.
_UNWRITTEN = ("failed to apply logs",)
# The same of what lies below it. It may pass, and says nothing of the files.
_BELOW = (
    "unable to open database file", "disk i/o error", "database is locked", "out of memory",
    "cannot allocate memory", "pool timed out", "too many open files", "permission denied",
    "input/output error",
)  # fmt: skip
_NO_VECTOR = ("error finding id", "error getting embedding")
# A log or a segment that cannot be read is told as an argument of ours that is not valid.
_WITHIN = ("error executing plan", "compactor")
_NO_ROOM = (
    "disk is full", "no space left", "quota exceeded", "readonly database",
    "read-only file system",
)  # fmt: skip


def translate_store_error(operation: str, error: Exception) -> Exception:
    """The error to raise in place of one of Chroma's; the error itself if it is not Chroma's."""
    name, message = "", str(error)
    if isinstance(error, httpx2.HTTPStatusError):
        name, message = _told_by(error.response)
        if error.response.status_code in NO_ACCESS:
            return no_access(error.response, operation)
        if name == "QuotaError":
            return StoreUnavailableError(
                f"Chroma refuses to {operation}, for a quota of the account: {message}",
                hint="see https://docs.trychroma.com/cloud/quotas-limits, have the quota raised, "
                "then run the same command again; what is embedded is kept",
            )
        if error.response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            return TransientStoreError("the server is overloaded")
    said = message.lower()
    if any(words in said for words in _NO_ROOM):
        return StoreWriteError(
            f"Chroma cannot {operation}: {message}",
            hint="free disk space or make the store writable, then run the same command again",
        )
    if any(words in said for words in _BELOW):
        return TransientStoreError(message, stuck=True)
    if any(words in said for words in _UNWRITTEN):
        # A private server's files can be looked at, once it does not pass.
        return TransientStoreError(message, foreign=True, stuck=True)
    if any(words in said for words in _NO_VECTOR):
        return damaged(operation, message, UnreadableVectorError)
    if name == "NotFoundError" or any(words in said for words in _DAMAGE):
        return damaged(operation, message)
    if name == "InternalError" or any(words in said for words in _WITHIN):
        return TransientStoreError(message, suspicious=True)
    if name in _REFUSALS:
        return ChromaRefusalError(
            f"Chroma cannot {operation}: {name}: {message}",
            hint="see that the server's version is the one that requirements.txt names; if it is, "
            "report this: it is a bug in Waypoint",
        )
    if isinstance(error, TooLargeAnswerError):
        return StoreUnavailableError(
            f"Chroma answers more than can be: {error} ({operation})",
            hint="see what answers at CHROMA_HOST and CHROMA_PORT",
        )
    # A proxy's 502, say, or a server that is just coming up.
    if isinstance(error, httpx2.HTTPStatusError):
        if error.response.status_code == httpx2.codes.CONTENT_TOO_LARGE:
            return _too_large(operation, len(error.request.content))
        status = error.response.status_code
        return TransientStoreError(f"an answer that is not Chroma's: HTTP {status}", foreign=True)
    if isinstance(error, UnusableAnswerError):
        return TransientStoreError("an answer that is not Chroma's", foreign=True)
    return error


def no_access(response: httpx2.Response, operation: str) -> StoreUnavailableError:
    """The error for a server, or a proxy before it, that wants other credentials."""
    said = _told_by(response)[1]
    told = f"HTTP {response.status_code}: {operation}{f': {said}' if said else ''}"
    return StoreUnavailableError(
        f"the Chroma server refuses access ({told})",
        hint="set CHROMA_API_KEY to a key that it takes, or CHROMA_HEADERS to what a proxy "
        "before it wants (Authorization: …); see that CHROMA_TENANT and CHROMA_DATABASE are "
        "those of the key",
    )


def not_there(address: ChromaAddress, reason: str) -> StoreUnavailableError:
    """The error for a server that does not answer, or is none of Chroma's."""
    return StoreUnavailableError(
        f"no Chroma server answers at {address} ({reason})",
        hint="start it (`chroma run`), correct CHROMA_HOST and CHROMA_PORT, or unset "
        "CHROMA_HOST to use the embedded store",
    )


def not_connected(address: ChromaAddress, error: Exception) -> StoreUnavailableError:
    """The error for one that no connection can be made to; of TLS, with what is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return StoreUnavailableError(
                f"the certificate of the Chroma server at {address} is not trusted "
                f"({cause.verify_message})",
                hint="set CHROMA_CA_CERTS to the certificate of the CA that signed it, and "
                "CHROMA_HOST to the name that it is for",
            )
        if isinstance(cause, ssl.SSLError):
            return not_there(address, f"no TLS there ({cause.reason or cause}): see CHROMA_SSL")
        cause = cause.__cause__ or cause.__context__
    return not_there(address, type(error).__name__)


def _too_large(operation: str, size: int) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"Chroma, or a proxy before it, does not take {size:,} bytes in one call (HTTP 413: "
        f"{operation})",
        hint="let it take 16 MiB (nginx: client_max_body_size; Chroma: "
        "CHROMA_MAX_PAYLOAD_SIZE_BYTES), then run the same command again; what is embedded is kept",
    )


def damaged(
    operation: str, message: str, kind: type[StoreDamagedError] = StoreDamagedError
) -> StoreDamagedError:
    """The error for a store that answers but cannot work."""
    return kind(
        f"Chroma cannot {operation}: {message}",
        hint="the collection is damaged; --clear makes it anew from the committed vectors",
    )


def _told_by(response: httpx2.Response) -> tuple[str, str]:
    """The name and message of Chroma's error body; empty where it is not Chroma's."""
    try:
        body = orjson.loads(response.content)
        name, message = str(body["error"])[:_MOST_TOLD], str(body["message"])[:_MOST_TOLD]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "", ""
    # Nothing of a document is told, which a request may hold.
    sent = response.request.content.decode(errors="replace")
    return name, QUOTING if quotes(message, [sent]) else message
