"""Where a Chroma server is, and what it wants to see with every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

TENANT = "default_tenant"
DATABASE = "default_database"
"""Those that every Chroma server has."""

CLOUD_HOST = "api.trychroma.com"
CLOUD_PORT = 443


@dataclass(frozen=True, slots=True)
class ChromaAddress:
    """A server, and one of its databases."""

    host: str
    port: int
    ssl: bool = False
    prefix: str = ""
    """What a reverse proxy has before the paths of Chroma's API; empty, or ``/chroma``."""
    tenant: str = TENANT
    database: str = DATABASE
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every call; secrets among them."""
    ca_certs: Path | None = None
    """Certificates to trust in place of the usual ones."""
    cloud: bool = False
    """Whether it is Chroma Cloud: an empty tenant or database is then the key's own."""

    @property
    def url(self) -> str:
        return f"{'https' if self.ssl else 'http'}://{self.host}:{self.port}{self.prefix}"

    @property
    def tenant_path(self) -> str:
        return f"/api/v2/tenants/{quote(self.tenant, safe='')}"

    @property
    def database_path(self) -> str:
        return f"{self.tenant_path}/databases/{quote(self.database, safe='')}"

    @property
    def collections_path(self) -> str:
        return f"{self.database_path}/collections"

    @property
    def is_default(self) -> bool:
        """Whether its database is the one that every server has."""
        return (self.tenant, self.database) == (TENANT, DATABASE)

    @property
    def shows_secrets(self) -> bool:
        """Whether headers travel to another machine unencrypted."""
        return bool(self.headers) and not self.ssl and self.host not in _LOOPBACK

    def __str__(self) -> str:
        server = "Chroma Cloud" if self.cloud else f"{self.host}:{self.port}{self.prefix}"
        if self.is_default or not (self.tenant and self.database):
            return server
        return f"{server}, database {self.database!r} of tenant {self.tenant!r}"


_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
