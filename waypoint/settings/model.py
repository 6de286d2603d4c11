"""The settings: each one's default, range and description, checked as a whole."""

from __future__ import annotations

import errno
import os
import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from waypoint.settings.choices import (
    Attachments,
    ChunkUnit,
    FailOn,
    Group,
    LogFormat,
    LogLevel,
    Mode,
    Ocr,
    QuotaSettings,
    QuotaTier,
    QuotaUnit,
    StoreSettings,
)
from waypoint.settings.chroma_address import (
    CLOUD_HOST,
    CLOUD_PORT,
    DATABASE,
    TENANT,
    ChromaAddress,
)
from waypoint.settings.headers import parse_headers

MOST_CONCURRENCY = 256
MOST_FOUND_CONCURRENCY = 64
"""What ``CONCURRENCY=auto`` never exceeds."""

CHOICE_NAMES = (
    *("include", "exclude", "json_text_field", "max_file_size"),
    *("ocr", "ocr_languages", "attachments"),
)
"""Settings that decide which documents a folder has: they are kept with the collection."""

NAMES = ("knowledge_base_path", "chroma_persist_path", "log_dir", "collection_name")
"""Settings that are never meant to be empty: in place of what was meant, something else would be
read or written."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e]*")
_HOST_NAME = re.compile(r"\w([\w.-]*[\w.])?")
_URL_PATH = re.compile(r"(/[\w.~%-]+)+/?", re.ASCII)
_COLLECTION_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")


MOST = 10**12
"""Of texts, tokens or bytes: more than there is of any, and few enough for all that counts them."""


def _setting(
    default: Any,
    help_: str,
    group: Group,
    *,
    option: str = "",
    unset: str = "",
    internal: bool = False,
    **limits: Any,
) -> Any:
    """A setting: all that is said of it anywhere stands here (``facts.py`` reads it).

    ``group``: the heading that help and files show it under. ``option``: on the command line, for
    those that have one. ``unset``: what a default of nothing means. ``internal``: set by the image
    and the compose file, not by users. ``limits``: pydantic's, as ``ge`` and ``le``.
    """
    return Field(
        default,
        description=help_,
        json_schema_extra={
            "group": group,
            "option": option,
            "unset": unset,
            "internal": internal,
        },
        **limits,
    )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value().strip() if value is not None else ""


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

    embedding_provider: str = _setting(
        "gemini", "Embedding provider: gemini, vertex or simulator", Group.EMBEDDING
    )
    google_genai_use_vertexai: bool = _setting(
        False, "The same as EMBEDDING_PROVIDER=vertex, which goes before it", Group.EMBEDDING
    )
    google_cloud_project: str | None = _setting(
        None,
        "Project that Vertex AI is used for",
        Group.EMBEDDING,
        unset="that of the credentials",
    )
    google_cloud_location: str | None = _setting(
        None,
        "Where Vertex AI is called: a region, or global",
        Group.EMBEDDING,
        unset="us-central1; gemini-embedding-2: global",
    )
    google_vertex_base_url: str | None = _setting(
        None, "Another server that speaks Vertex AI's API", Group.EMBEDDING, unset="Google's"
    )
    google_api_key: SecretStr | None = _setting(None, "Key of the Gemini API", Group.EMBEDDING)
    gemini_api_key: SecretStr | None = _setting(
        None, "The same, taken where GOOGLE_API_KEY is not set", Group.EMBEDDING
    )
    google_gemini_base_url: str | None = _setting(
        None, "Another server that speaks the Gemini API", Group.EMBEDDING, unset="Google's"
    )
    google_gemini_headers: SecretStr | None = _setting(
        None,
        "Further headers of calls to it: Name: value, separated by line ends or ;",
        Group.EMBEDDING,
    )
    embedding_model: str = _setting(
        "gemini-embedding-001", "Embedding model", Group.EMBEDDING, option="--model"
    )
    embedding_dimensions: int = _setting(
        768,
        "Vector dimensions; 768, 1536 and 3072 are recommended",
        Group.EMBEDDING,
        option="--dimensions",
        ge=128,
        le=3072,
    )
    collection_name: str | None = _setting(
        None,
        "Name of the collection",
        Group.STORE,
        option="--collection",
        unset="waypoint_kb; simulated: waypoint_kb_simulated",
    )
    knowledge_base_path: Path = _setting(
        Path("knowledge_base"), "Folder of documents to ingest", Group.DOCUMENTS, option="PATH"
    )
    vector_store: str = _setting("chroma", "Kind of vector store", Group.STORE)
    ledger_database: str = _setting("sqlite", "Kind of ledger", Group.STORE)
    chroma_persist_path: Path = _setting(
        Path("chroma_db"), "Folder of the ledger and of the embedded store", Group.STORE
    )
    chroma_host: str | None = _setting(
        None, "Host of a Chroma server", Group.STORE, unset="the embedded store"
    )
    chroma_port: int = _setting(8000, "Port of that Chroma server", Group.STORE, ge=1, le=65_535)
    chroma_ssl: bool = _setting(False, "Speak TLS to that Chroma server", Group.STORE)
    chroma_ca_certs: Path | None = _setting(
        None,
        "File, or folder, of the CA certificates to trust for it",
        Group.STORE,
        unset="the system's",
    )
    chroma_url_prefix: str = _setting(
        "", "Path that a reverse proxy has before the server's own paths: /chroma", Group.STORE
    )
    chroma_api_key: SecretStr | None = _setting(
        None,
        "Key of that Chroma server (x-chroma-token); without CHROMA_HOST, of Chroma Cloud",
        Group.STORE,
    )
    chroma_headers: SecretStr | None = _setting(
        None,
        "Further headers of calls to it: Name: value, separated by line ends or ;",
        Group.STORE,
    )
    chroma_tenant: str | None = _setting(
        None,
        "Tenant on that Chroma server",
        Group.STORE,
        unset="default_tenant; Chroma Cloud: the key's",
    )
    chroma_database: str | None = _setting(
        None,
        "Database of that tenant",
        Group.STORE,
        unset="default_database; Chroma Cloud: the key's",
    )
    chroma_create_database: bool = _setting(
        False,
        "Make that database if its tenant has none of that name",
        Group.STORE,
        option="--create-database/--no-create-database",
    )
    chroma_give_up_after: float = _setting(
        120.0,
        "Seconds to retry a Chroma server that does not answer, before the run fails",
        Group.STORE,
        gt=0,
    )
    concurrency: int | Literal["auto"] = _setting(
        8,
        "Embedding calls in flight, or auto for as many as improve throughput",
        Group.EMBEDDING,
        option="--concurrency",
        ge=1,
        le=MOST_CONCURRENCY,
    )
    batch_size: int = _setting(
        100, "Maximum texts in one call", Group.EMBEDDING, option="--batch-size", ge=1, le=250
    )
    quota_tier: QuotaTier = _setting(
        QuotaTier.AUTO,
        "The account's tier: auto, free, 1, 2 or 3",
        Group.QUOTA,
        option="--quota-tier",
    )
    quota_rpm: int | None = _setting(
        None,
        "Texts a minute, 0 for no limit",
        Group.QUOTA,
        option="--rpm",
        unset="the tier's",
        ge=0,
        le=MOST,
    )
    quota_tpm: int | None = _setting(
        None,
        "Tokens a minute, 0 for no limit",
        Group.QUOTA,
        option="--tpm",
        unset="the tier's",
        ge=0,
        le=MOST,
    )
    quota_rpd: int | None = _setting(
        None,
        "Texts a day (Pacific time), 0 for no limit",
        Group.QUOTA,
        option="--rpd",
        unset="the tier's",
        ge=0,
        le=MOST,
    )
    quota_unit: QuotaUnit = _setting(
        QuotaUnit.TEXTS,
        "What counts against the quota: texts or calls",
        Group.QUOTA,
        option="--quota-unit",
    )
    quota_wait: bool = _setting(
        False,
        "When the day's quota is used up, sleep until it resets instead of ending with exit code 4",
        Group.QUOTA,
        option="--wait/--no-wait",
    )
    max_texts: int | None = _setting(
        None,
        "Maximum texts that a run may embed; it stops before exceeding them",
        Group.QUOTA,
        option="--max-texts",
        unset="no limit",
        ge=0,
        le=MOST,
    )
    max_cost: float | None = _setting(
        None,
        "Maximum US dollars that a run may spend; it stops before exceeding them",
        Group.QUOTA,
        option="--max-cost",
        unset="no limit",
        ge=0,
    )
    mode: Mode = _setting(
        Mode.INTERACTIVE,
        "How texts are embedded: interactive (calls), batch (jobs at half the price) or mixed",
        Group.EMBEDDING,
        option="--mode",
    )
    batch_patience: float = _setting(
        26.0,
        "Hours after which a batch job that has not ended is cancelled, and its texts given back",
        Group.EMBEDDING,
        option="--batch-patience",
        gt=0,
    )
    batch_fallback: bool = _setting(
        False,
        "Embed by calls, at the full price, what a batch job gave back",
        Group.EMBEDDING,
        option="--batch-fallback/--no-batch-fallback",
    )
    call_timeout: float = _setting(
        60.0,
        "Seconds after which a call is abandoned and retried",
        Group.EMBEDDING,
        option="--call-timeout",
        gt=0,
        le=600,
    )
    give_up_after: float = _setting(
        600.0,
        "Seconds without one successful call after which the run fails",
        Group.EMBEDDING,
        option="--give-up-after",
        gt=0,
    )
    shutdown_timeout: float = _setting(
        30.0,
        "Seconds that an interrupted run may take to finish what is in flight",
        Group.EMBEDDING,
        gt=0,
    )
    chunk_size: int = _setting(
        600, "Largest chunk, in CHUNK_UNIT", Group.CHUNKS, option="--chunk-size", ge=50, le=16_000
    )
    chunk_overlap: int = _setting(
        90,
        "Overlap of neighbouring chunks, in CHUNK_UNIT",
        Group.CHUNKS,
        option="--chunk-overlap",
        ge=0,
    )
    chunk_unit: ChunkUnit = _setting(
        ChunkUnit.CHARACTERS,
        "Unit of chunk sizes: characters or (estimated) tokens",
        Group.CHUNKS,
        option="--chunk-unit",
    )
    context_headers: bool = _setting(
        False,
        "Embed title and heading path before each chunk's text",
        Group.CHUNKS,
        option="--context-headers/--no-context-headers",
    )
    include: tuple[str, ...] = _setting(
        (),
        "Take only files that match this pattern, in gitignore syntax",
        Group.DOCUMENTS,
        option="--include",
        unset="everything",
    )
    exclude: tuple[str, ...] = _setting(
        (),
        "Leave out what matches this pattern, in gitignore syntax",
        Group.DOCUMENTS,
        option="--exclude",
        unset="nothing",
    )
    max_file_size: int = _setting(
        50 * 1024 * 1024,
        "Largest file that is read, in bytes",
        Group.DOCUMENTS,
        option="--max-file-size",
        ge=1,
        le=MOST,
    )
    json_text_field: str | None = _setting(
        None,
        "Field of a JSON record that holds its text",
        Group.DOCUMENTS,
        option="--json-text-field",
        unset="a usual one",
    )
    parse_timeout: float = _setting(
        60.0,
        "Seconds after which parsing a file is abandoned and the file rejected",
        Group.DOCUMENTS,
        option="--parse-timeout",
        gt=0,
        le=3600,
    )
    parse_memory: int = _setting(
        1024 * 1024 * 1024,
        "Bytes that each process that parses documents may allocate",
        Group.DOCUMENTS,
        ge=256 * 1024 * 1024,
        le=MOST,
    )
    attachments: Attachments = _setting(
        Attachments.TOLD,
        "Attachments of messages: told (by a warning) or read (as documents of their own)",
        Group.DOCUMENTS,
        option="--attachments",
    )
    ocr: Ocr = _setting(
        Ocr.OFF,
        "Text recognition: off, auto (images and pages without text) or force (all pages)",
        Group.DOCUMENTS,
        option="--ocr",
    )
    ocr_languages: str = _setting(
        "eng",
        "Languages of text recognition, as tesseract names them: deu+eng",
        Group.DOCUMENTS,
        option="--ocr-languages",
    )
    ocr_timeout: float = _setting(
        600.0,
        "Seconds that text recognition may take for one file, beyond PARSE_TIMEOUT",
        Group.DOCUMENTS,
        option="--ocr-timeout",
        gt=0,
        le=86_400,
    )
    fail_on: FailOn = _setting(
        FailOn.REJECTS,
        "What ends a finished run with exit code 1: rejects, new-rejects (that no earlier run "
        "left) or never",
        Group.WATCHING,
        option="--fail-on",
    )
    metrics_file: Path | None = _setting(
        None,
        "File for the figures of the last run, as node_exporter's textfile collector reads them",
        Group.WATCHING,
        option="--metrics-file",
        unset="none",
    )
    metrics_port: int | None = _setting(
        None,
        "Port of the live page, /metrics and /health; 0 for any free one",
        Group.WATCHING,
        option="--monitor-port",
        unset="off",
        ge=0,
        le=65_535,
    )
    metrics_host: str = _setting(
        "127.0.0.1", "Address that the monitor listens on", Group.WATCHING, option="--monitor-host"
    )
    metrics_allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Further host names that the monitor may be asked by; * for any",
        Group.WATCHING,
        option="--monitor-allowed-hosts",
        unset="those of its address",
    )
    stall_timeout: float | None = _setting(
        None,
        "Seconds without progress after which /health reports a stalled run",
        Group.WATCHING,
        unset="1.5 times CALL_TIMEOUT",
        gt=0,
    )
    stats_interval: float = _setting(
        0.0,
        "Seconds between samples of stages, streams, memory and event loop, 0 for none",
        Group.WATCHING,
        ge=0,
    )
    log_dir: Path = _setting(Path("logs"), "Folder of logs and reports", Group.WATCHING)
    log_level: LogLevel = _setting(
        LogLevel.INFO, "Least severe level shown: DEBUG, INFO, WARNING or ERROR", Group.WATCHING
    )
    log_format: LogFormat = _setting(
        LogFormat.TEXT, "Format of lines where there is no terminal: text or json", Group.WATCHING
    )
    log_max_bytes: int = _setting(
        10_000_000,
        "Size in bytes at which waypoint.jsonl is rotated, 0 for never",
        Group.WATCHING,
        ge=0,
    )
    log_backups: int = _setting(5, "Rotated logs to keep", Group.WATCHING, ge=0, le=100)
    private_files: bool = _setting(
        True, "Make files and folders readable by their owner alone", Group.WATCHING
    )
    knowledge_base_dir: str | None = _setting(
        None, "Folder of documents on the host, in a container", Group.DOCUMENTS, internal=True
    )
    in_container: bool = _setting(
        False,
        "Whether folders are mounted from a host: errors say what to do there",
        Group.DOCUMENTS,
        internal=True,
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
        # Chroma's own rule; told here, before anything was read or embedded.
        if name is not None and not _COLLECTION_NAME.fullmatch(name):
            raise ValueError(
                "must be 3 to 512 characters of a-z A-Z 0-9 . _ -, beginning and ending with a "
                "letter or digit"
            )
        return name

    @field_validator("google_api_key", "gemini_api_key", "chroma_api_key")
    @classmethod
    def _key_can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        # In a header, that is. Whatever else was copied with it, the key is not to be shown.
        if key is not None and not _HEADER_VALUE.fullmatch(key.get_secret_value().strip()):
            raise ValueError(
                "it contains a character that no key has (a space, a line end, or one that is not "
                "ASCII): copy it again"
            )
        return key

    @model_validator(mode="before")
    @classmethod
    def _vertex_may_be_chosen_as_by_the_sdk(cls, given: object) -> object:
        if not isinstance(given, dict) or "embedding_provider" in given:
            return given
        chosen = str(given.get("google_genai_use_vertexai", "")).lower() in ("true", "1")
        return {**given, "embedding_provider": "vertex"} if chosen else given

    @field_validator("google_gemini_base_url", "google_vertex_base_url")
    @classmethod
    def _base_url_is_one(cls, url: str | None) -> str | None:
        try:
            parts = urlsplit(url or "http://host")
            is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_one = False
        if not is_one:
            raise ValueError("must begin with http:// or https:// and a host")
        return url

    @field_validator("google_gemini_headers", "chroma_headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: SecretStr | None) -> SecretStr | None:
        parse_headers(_secret(headers))
        return headers

    @field_validator("chroma_host")
    @classmethod
    def _host_is_a_name_alone(cls, host: str | None) -> str | None:
        if not host or _HOST_NAME.fullmatch(host):
            return host or None
        try:
            address = IPv6Address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise ValueError(
                "must be a host's name or address alone: the port is CHROMA_PORT, and https is "
                "CHROMA_SSL"
            ) from None
        return f"[{address}]"

    @field_validator("chroma_url_prefix")
    @classmethod
    def _prefix_is_a_path(cls, prefix: str) -> str:
        if prefix and not _URL_PATH.fullmatch(prefix):
            raise ValueError("must be a path: /, then letters, digits and . _ ~ % / -")
        return prefix.rstrip("/")

    @field_validator("chroma_tenant", "chroma_database")
    @classmethod
    def _no_name_is_the_default(cls, name: str | None) -> str | None:
        return name or None

    @field_validator(
        "knowledge_base_path", "chroma_persist_path", "log_dir", "metrics_file", "chroma_ca_certs"
    )
    @classmethod
    def _a_tilde_is_the_home(cls, path: Path | None) -> Path | None:
        # A shell does it for a word that begins with one, and for nothing else.
        try:
            return path and path.expanduser()
        except RuntimeError:
            raise ValueError("no home folder is known of that user: write the path out") from None

    @field_validator("knowledge_base_path", "chroma_persist_path", "log_dir", "metrics_file")
    @classmethod
    def _paths_can_be_told(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
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
        # Its resource name is the same model: its texts are not embedded again.
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
            raise ValueError(f"must be 1 to {MOST_CONCURRENCY}, or auto")
        return number

    @field_validator("include", "exclude", "metrics_allowed_hosts", mode="before")
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

    @field_validator("ocr", "ocr_languages", "attachments", mode="before")
    @classmethod
    def _nothing_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        # ``--ocr ''`` ends what earlier runs were told.
        return value or cls.model_fields[info.field_name or ""].default

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
            raise ValueError(f"must be below CHUNK_SIZE, which is {size}")
        return overlap

    @property
    def workers(self) -> int:
        """Most calls that can ever be in flight."""
        return MOST_FOUND_CONCURRENCY if self.concurrency == "auto" else self.concurrency

    @property
    def stall_after(self) -> float:
        """Seconds; longer than one call may take, so that a single late one is no hang."""
        a_file = 0.0 if self.ocr == Ocr.OFF else self.parse_timeout + self.ocr_timeout
        return self.stall_timeout or max(1.5 * self.call_timeout, a_file)

    @property
    def gemini_headers(self) -> dict[str, str]:
        """GOOGLE_GEMINI_HEADERS, by name."""
        return parse_headers(_secret(self.google_gemini_headers))

    @property
    def gemini_key(self) -> tuple[str, str]:
        """The key of the Gemini API and the variable it is from; an empty one if there is none."""
        for name in ("google_api_key", "gemini_api_key"):
            if key := _secret(getattr(self, name)):
                return key, name.upper()
        return "", "GOOGLE_API_KEY"

    @property
    def quota(self) -> QuotaSettings:
        return QuotaSettings(
            self.quota_tier, self.quota_rpm, self.quota_tpm, self.quota_rpd, self.quota_unit
        )

    @property
    def store(self) -> StoreSettings:
        return StoreSettings(
            self.chroma_persist_path,
            self.chroma_server,
            self.chroma_give_up_after,
            self.chroma_create_database,
        )

    @property
    def chroma_server(self) -> ChromaAddress | None:
        """The configured server, a key without a host being Chroma Cloud's; None for the embedded
        store."""
        headers = parse_headers(_secret(self.chroma_headers))
        if key := _secret(self.chroma_api_key):
            headers["x-chroma-token"] = key
        if self.chroma_host == CLOUD_HOST or (key and self.chroma_host is None):
            return ChromaAddress(
                CLOUD_HOST,
                CLOUD_PORT,
                ssl=True,
                tenant=self.chroma_tenant or "",
                database=self.chroma_database or "",
                headers=headers,
                ca_certs=self.chroma_ca_certs,
                cloud=True,
            )
        if self.chroma_host is None:
            return None
        return ChromaAddress(
            self.chroma_host,
            self.chroma_port,
            self.chroma_ssl,
            self.chroma_url_prefix,
            self.chroma_tenant or TENANT,
            self.chroma_database or DATABASE,
            headers,
            self.chroma_ca_certs,
        )
