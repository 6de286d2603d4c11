"""Uploaded files: names, sizes, storage and expiry."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

from waypoint.simulator.batch.clock import BatchClock
from waypoint.simulator.errors import Refusal, invalid_argument

KEPT_S = 48 * 3600.0
"""An uploaded file is deleted after so long."""
MAX_FILE_BYTES = 2_000_000_000
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_LENGTH = 12


@dataclass(slots=True)
class StoredFile:
    """A file, or the beginning of one: its name is taken from then on."""

    name: str
    display_name: str
    mime_type: str
    size: int
    """As declared, until it is whole."""
    created_s: float
    content: bytearray = field(default_factory=bytearray)
    whole: bool = False

    @property
    def expires_s(self) -> float:
        return self.created_s + KEPT_S


class FileStore:
    """All files of the project, in memory; ``storage`` is asked for the bytes it may hold."""

    def __init__(self, clock: BatchClock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, StoredFile] = {}

    def begin(self, described: dict[str, object], size: int, storage: int) -> str:
        """Start an upload; returns its id.

        Raises:
            Refusal: 400 for a name or a size that cannot be, 409 for a name that is taken, 429
                for a project that is full.
        """
        self._expire()
        name = str(described.get("name") or "").removeprefix("files/")
        name = name or secrets.token_hex(_LENGTH)
        if not _NAME.fullmatch(name):
            raise invalid_argument(f"Invalid file name {name!r}.")
        if not 0 < size <= MAX_FILE_BYTES:
            raise invalid_argument(f"File size must be between 1 and {MAX_FILE_BYTES} bytes.")
        if name in self._files:
            raise Refusal(409, "ALREADY_EXISTS", f"File files/{name} already exists.")
        if sum(file.size for file in self._files.values()) + size > storage:
            raise Refusal(429, "RESOURCE_EXHAUSTED", f"File storage limit of {storage} bytes.")
        display_name = str(described.get("display_name") or described.get("displayName") or "")
        mime_type = str(described.get("mime_type") or described.get("mimeType") or "")
        upload = secrets.token_hex(_LENGTH)
        file = StoredFile(name, display_name, mime_type, size, self._clock.seconds())
        self._files[name] = self._uploads[upload] = file
        return upload

    def upload(self, upload: str) -> StoredFile:
        """The file that an upload makes.

        Raises:
            Refusal: 404.
        """
        self._expire()
        if upload not in self._uploads:
            raise Refusal(404, "NOT_FOUND", "Upload not found.")
        return self._uploads[upload]

    def append(self, upload: str, offset: int, content: bytes) -> None:
        """Take a part in.

        Raises:
            Refusal: 400 for a part that does not follow the one before, or is too long.
        """
        file = self.upload(upload)
        if file.whole or offset != len(file.content):
            raise invalid_argument(f"Offset {offset}: {len(file.content)} bytes were received.")
        if offset + len(content) > file.size:
            raise invalid_argument(f"More than the {file.size} bytes declared.")
        file.content += content

    def finish(self, upload: str) -> StoredFile:
        """The upload is whole.

        Raises:
            Refusal: 400 for one that is not.
        """
        file = self.upload(upload)
        if len(file.content) != file.size:
            raise invalid_argument(f"{len(file.content)} bytes instead of {file.size}.")
        file.whole = True
        del self._uploads[upload]
        return file

    def cancel(self, upload: str, *, keep_name: bool = False) -> None:
        """Drop an upload; with ``keep_name`` its name stays taken."""
        file = self.upload(upload)
        del self._uploads[upload]
        file.content.clear()
        if not keep_name:
            del self._files[file.name]

    def get(self, name: str) -> StoredFile:
        """A whole file.

        Raises:
            Refusal: 403, as the service says of what does not exist.
        """
        self._expire()
        file = self._files.get(name)
        if file is None or not file.whole:
            raise Refusal(
                403,
                "PERMISSION_DENIED",
                f"You do not have permission to access the File {name} or it may not exist.",
            )
        return file

    def delete(self, name: str) -> None:
        """
        Raises:
            Refusal: 403; 400 for a job's results, whose name is too long.
        """
        if not _NAME.fullmatch(name):
            raise invalid_argument(f"Invalid file name {name!r}.")
        self.get(name)
        del self._files[name]

    def all(self) -> list[StoredFile]:
        """The whole files, newest first."""
        self._expire()
        return [file for file in reversed(self._files.values()) if file.whole]

    def resource(self, file: StoredFile) -> dict[str, object]:
        """As the service describes a file."""
        digest = hashlib.sha256(file.content).hexdigest().encode()
        return {
            "name": f"files/{file.name}",
            "displayName": file.display_name,
            "mimeType": file.mime_type,
            "sizeBytes": str(file.size),
            "createTime": self._clock.timestamp(file.created_s),
            "updateTime": self._clock.timestamp(file.created_s),
            "expirationTime": self._clock.timestamp(file.expires_s),
            "sha256Hash": base64.b64encode(digest).decode(),
            "uri": f"https://generativelanguage.googleapis.com/v1beta/files/{file.name}",
            "state": "ACTIVE",
            "source": "UPLOADED",
        }

    def _expire(self) -> None:
        now = self._clock.seconds()
        for each in (self._files, self._uploads):
            for name in [name for name, file in each.items() if file.expires_s <= now]:
                del each[name]
