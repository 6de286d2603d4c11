"""What chromadb's client and the probe raise, translated once into the errors of our own tree."""

from __future__ import annotations

import httpx
import orjson

from waypoint.errors import StoreDamagedError, StoreWriteError


class TransientStoreError(Exception):
    """Worth another try.

    ``suspicious``: Chroma's own fault; if it does not pass, the store is damaged.
    ``foreign``: an answer that is not in Chroma's form: a proxy's, perhaps.
    """

    def __init__(self, reason: str, *, suspicious: bool = False, foreign: bool = False) -> None:
        super().__init__(reason)
        self.suspicious = suspicious
        self.foreign = foreign


# An index that cannot be loaded or written stays so: seen after kills, with chromadb 1.5.9.
_DAMAGE = ("hnsw", "malformed", "not a database", "file is encrypted")
_NO_ROOM = ("disk is full", "no space left", "readonly database", "read-only file system")


def translate_store_error(operation: str, error: Exception) -> Exception:
    """The error to raise in place of one of Chroma's; the error itself if it is not Chroma's."""
    name, message = type(error).__name__, str(error)
    if isinstance(error, httpx.HTTPStatusError):
        name, message = _told_by(error.response)
    said = message.lower()
    if any(words in said for words in _NO_ROOM):
        return StoreWriteError(
            f"Chroma cannot {operation}: {message}",
            hint="free disk space or make the store writable, then run the same command again",
        )
    if name == "NotFoundError" or any(words in said for words in _DAMAGE):
        return damaged(operation, message)
    if name == "RateLimitError":
        return TransientStoreError("the server is overloaded")
    if name == "InternalError":
        return TransientStoreError(message, suspicious=True)
    # The client raises a bare Exception for a status whose body is not Chroma's: a proxy's
    # 502, say, or a server that is just coming up.
    if type(error) is Exception or isinstance(error, httpx.HTTPStatusError):
        return TransientStoreError("an answer that is not Chroma's", foreign=True)
    return error


def damaged(operation: str, message: str) -> StoreDamagedError:
    """The error for a store that answers but cannot work."""
    return StoreDamagedError(
        f"Chroma cannot {operation}: {message}",
        hint="the collection is damaged; --clear makes it anew from the vectors already paid for",
    )


def _told_by(response: httpx.Response) -> tuple[str, str]:
    """The name and message of Chroma's error body; empty where it is not Chroma's."""
    try:
        body = orjson.loads(response.content)
        return str(body["error"]), str(body["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "", ""
