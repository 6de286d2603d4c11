"""The settings: each one's default, range and description, checked as a whole."""

from __future__ import annotations

import errno
import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from waypoint.settings.choices import (
    ChunkUnit,
    LogFormat,
    LogLevel,
    QuotaSettings,
    QuotaTier,
    QuotaUnit,
    StoreSettings,
)

MOST_CONCURRENCY = 256
MOST_FOUND_CONCURRENCY = 64
"""What ``CONCURRENCY=auto`` never exceeds."""

CHOICE_NAMES = ("include", "exclude", "json_text_field", "max_file_size")
"""Settings that decide which documents a folder has: they are kept with the collection."""

NAMES = ("knowledge_base_path", "chroma_persist_path", "log_dir", "collection_name")
"""Settings that are never meant to be empty: in place of what was meant, something else would be
read or written."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e]*")
_HOST_NAME = re.compile(r"\w([\w.-]*[\w.])?")
_COLLECTION_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")


MOST = 10**12
"""Of texts, tokens or bytes: more than there is of any, and few enough for all that counts them."""


class Settings(BaseModel):
    """One run's configuration. Field names in capitals are the environment variables."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        # A default is held to its rules as well: an overlap that exceeds a size that was given.
        validate_default=True,
        # A traceback must not show the key among the input.
        hide_input_in_errors=True,
        # What --help needs of the fields is there without it.
        defer_build=True,
    )

    embedding_provider: str = Field("gemini", description="Whose models embed")
    google_api_key: SecretStr | None = Field(None, description="Key of the Gemini API")
    google_gemini_base_url: str | None = Field(
        None, description="Another server that speaks the Gemini API"
    )
    embedding_model: str = Field("gemini-embedding-001", description="Embedding model")
    embedding_dimensions: int = Field(
        768, ge=128, le=3072, description="Dimensions of the vectors (768, 1536, 3072)"
    )
    knowledge_base_path: Path = Field(
        Path("knowledge_base"), description="Folder of documents to ingest"
    )
    chroma_persist_path: Path = Field(
        Path("chroma_db"), description="Folder of the embedded store and of the ledger"
    )
    chroma_host: str | None = Field(
        None, description="A Chroma server's host, instead of the embedded store"
    )
    chroma_port: int = Field(8000, ge=1, le=65535, description="The Chroma server's port")
    chroma_ssl: bool = Field(default=False, description="Speak TLS to the Chroma server")
    collection_name: str | None = Field(
        None,
        description="Collection to fill (default waypoint_kb, waypoint_kb_simulated if simulated)",
    )
    log_dir: Path = Field(Path("logs"), description="Folder of reports and logs")
    log_level: LogLevel = Field(LogLevel.INFO, description="Least severe line shown")
    log_format: LogFormat = Field(
        LogFormat.TEXT, description="Form of the lines where there is no terminal"
    )
    log_max_bytes: int = Field(
        10_000_000, ge=0, description="Size at which the log gives way to a new one, 0 for never"
    )
    log_backups: int = Field(5, ge=0, le=100, description="Earlier logs that are kept")
    private_files: bool = Field(
        default=True, description="Let no other user read the files and folders that are made"
    )
    chunk_size: int = Field(600, ge=50, le=16_000, description="Largest chunk, in CHUNK_UNIT")
    chunk_overlap: int = Field(90, ge=0, description="Overlap within a section, in CHUNK_UNIT")
    chunk_unit: ChunkUnit = Field(
        ChunkUnit.CHARACTERS, description="Unit of sizes: characters, or tokens (estimated)"
    )
    context_headers: bool = Field(
        default=False, description="Embed title and heading path before each chunk's text"
    )
    concurrency: int | Literal["auto"] = Field(
        8, description="Embedding calls in flight, or auto for as many as are of use"
    )
    batch_size: int = Field(100, ge=1, le=100, description="Most texts in one call")
    call_timeout: float = Field(
        60.0, gt=0, le=600, description="Seconds after which a call is given up and retried"
    )
    give_up_after: float = Field(
        600.0,
        gt=0,
        description="Seconds of asking without one good answer after which the run stops",
    )
    chroma_give_up_after: float = Field(
        120.0, gt=0, description="Seconds during which a Chroma that went away is tried again"
    )
    drain_grace: float = Field(
        30.0, gt=0, description="Seconds an interrupted run may take to finish what is in flight"
    )
    max_file_size: int = Field(
        50 * 1024 * 1024, ge=1, le=MOST, description="Largest file that is read, in bytes"
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port of the live page, /metrics and /health; 0 for any that is free",
    )
    metrics_host: str = Field("127.0.0.1", description="Address that the monitor listens on")
    health_stall_seconds: float | None = Field(
        None,
        gt=0,
        description="Seconds without movement after which /health says that the run hangs "
        "(default 1.5 times CALL_TIMEOUT)",
    )
    stats_every: float = Field(
        0.0, ge=0, description="Seconds between samples of a run's gauges, 0 for none"
    )
    json_text_field: str | None = Field(
        None,
        description="Field of a JSON record that holds its text (default: a usual one)",
    )
    parse_timeout: float = Field(
        60.0, gt=0, le=3600, description="Seconds after which a file's parser is given up"
    )
    parse_memory: int = Field(
        1024 * 1024 * 1024,
        ge=256 * 1024 * 1024,
        le=MOST,
        description="Memory that a process which parses documents may take, in bytes",
    )
    include: tuple[str, ...] = Field(
        (), description="Take only files that match this pattern, in gitignore syntax"
    )
    exclude: tuple[str, ...] = Field(
        (), description="Leave out what matches this pattern, in gitignore syntax"
    )
    quota_tier: QuotaTier = Field(QuotaTier.AUTO, description="The account's tier")
    quota_rpm: int | None = Field(None, ge=0, le=MOST, description="Texts a minute, 0 for no limit")
    quota_tpm: int | None = Field(
        None, ge=0, le=MOST, description="Tokens a minute, 0 for no limit"
    )
    quota_rpd: int | None = Field(None, ge=0, le=MOST, description="Texts a day, 0 for no limit")
    quota_unit: QuotaUnit = Field(
        QuotaUnit.TEXTS, description="What counts against the quota: texts, or calls"
    )
    quota_wait: bool = Field(
        default=False,
        description="When the day's quota is used up, sleep until there is more, instead of "
        "ending with exit code 4",
    )
    max_cost: float | None = Field(
        None, ge=0, description="Most US dollars a run may spend; it stops before exceeding them"
    )
    max_texts: int | None = Field(
        None,
        ge=0,
        le=MOST,
        description="Most texts a run may pay for; it stops before exceeding them",
    )
    knowledge_base_dir: str | None = Field(
        None, description="In a container, the folder of the host that is the knowledge base there"
    )
    in_container: bool = Field(
        default=False,
        description="Whether folders are mounted from a host: errors say what to do there",
    )

    @field_validator(*NAMES, mode="before")
    @classmethod
    def _names_are_given(cls, name: object) -> object:
        if isinstance(name, str) and not name.strip():
            raise ValueError("it is empty: give a name, or leave it out for the default")
        return name

    @field_validator("collection_name")
    @classmethod
    def _collection_name_is_chromas(cls, name: str | None) -> str | None:
        # Chroma's own rule; told here, before anything was read or paid for.
        if name is not None and not _COLLECTION_NAME.fullmatch(name):
            raise ValueError(
                "3 to 512 characters of a-z A-Z 0-9 . _ -, beginning and ending with a letter "
                "or digit"
            )
        return name

    @field_validator("google_api_key")
    @classmethod
    def _key_can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        # In a header, that is. Whatever else was copied with it, the key is not to be shown.
        if key is not None and not _HEADER_VALUE.fullmatch(key.get_secret_value().strip()):
            raise ValueError(
                "it holds a character that no key has (a space, a line end, or one that is not "
                "ASCII): copy it again"
            )
        return key

    @field_validator("google_gemini_base_url")
    @classmethod
    def _base_url_is_one(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://host")
        # Asking for the port raises ValueError for one that is none.
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"{url!r} does not begin with http:// or https:// and a host")
        return url

    @field_validator("chroma_host")
    @classmethod
    def _host_is_a_name_alone(cls, host: str | None) -> str | None:
        if not host or _HOST_NAME.fullmatch(host):
            return host or None
        try:
            address = IPv6Address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise ValueError(
                f"{host!r} is not a host's name or address alone: the port is CHROMA_PORT, "
                "and https is CHROMA_SSL"
            ) from None
        return f"[{address}]"

    @field_validator("knowledge_base_path", "chroma_persist_path", "log_dir")
    @classmethod
    def _paths_can_be_told(cls, path: Path) -> Path:
        # In reports and logs, that is, which are UTF-8.
        name = os.fsencode(path)
        try:
            name.decode()
        except UnicodeDecodeError:
            shown = name.decode(errors="backslashreplace")
            raise ValueError(f"the name {shown} is not valid UTF-8: rename the folder") from None
        try:
            path.stat()
        except OSError as error:
            # What isn't there may be made, and what is closed is told by who needs it.
            if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
                raise ValueError(f"{str(path)[:200]}: {error.strerror}") from None
        return path

    @field_validator("embedding_model")
    @classmethod
    def _model_has_one_name(cls, name: str) -> str:
        # Its resource name is the same model, and must not be paid for again.
        return name.removeprefix("models/")

    @field_validator("concurrency", mode="plain")
    @classmethod
    def _concurrency_is_a_number_or_auto(cls, value: object) -> int | str:
        # Of a union's own messages, a person needs only this one.
        if value == "auto":
            return "auto"
        try:
            number = int(str(value))
        except ValueError:
            number = 0
        if not 1 <= number <= MOST_CONCURRENCY:
            raise ValueError(f"{value!r} is neither 1 to {MOST_CONCURRENCY} nor auto")
        return number

    @field_validator("include", "exclude", mode="before")
    @classmethod
    def _patterns_are_separated_by_commas(cls, patterns: object) -> object:
        # In a variable, that is; an option is given once for each pattern.
        if isinstance(patterns, str):
            return tuple(each.strip() for each in re.split(r"[,\n]", patterns) if each.strip())
        if isinstance(patterns, list | tuple):
            # ``--exclude ''`` ends what earlier runs were told.
            return tuple(each for each in patterns if not isinstance(each, str) or each.strip())
        return patterns

    @field_validator("json_text_field", mode="before")
    @classmethod
    def _no_field_is_a_usual_one(cls, field: object) -> object:
        return field or None

    @field_validator("quota_tier", mode="before")
    @classmethod
    def _tier_may_be_a_number(cls, tier: object) -> object:
        return str(tier) if isinstance(tier, int) else tier

    @field_validator("chunk_overlap")
    @classmethod
    def _overlap_is_below_size(cls, overlap: int, info: ValidationInfo) -> int:
        # A validator of the field, not of the model: that one runs only if all else is well,
        # and its problem would not be named with the others.
        size = info.data.get("chunk_size")
        if size is not None and overlap >= size:
            raise ValueError(f"{overlap} must be below CHUNK_SIZE ({size})")
        return overlap

    @property
    def workers(self) -> int:
        """Most calls that can ever be in flight."""
        return MOST_FOUND_CONCURRENCY if self.concurrency == "auto" else self.concurrency

    @property
    def stall_after(self) -> float:
        """Seconds; longer than one call may take, so that a single late one is no hang."""
        return self.health_stall_seconds or 1.5 * self.call_timeout

    @property
    def quota(self) -> QuotaSettings:
        return QuotaSettings(
            self.quota_tier, self.quota_rpm, self.quota_tpm, self.quota_rpd, self.quota_unit
        )

    @property
    def store(self) -> StoreSettings:
        return StoreSettings(
            self.chroma_persist_path,
            self.chroma_host,
            self.chroma_port,
            self.chroma_ssl,
            self.chroma_give_up_after,
        )
