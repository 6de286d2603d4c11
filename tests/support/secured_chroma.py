"""A Chroma server behind a door: nginx with TLS by a CA of its own, wanting headers, at a path."""

from __future__ import annotations

import datetime
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.chroma_servers import free_port
from tests.support.waiting import wait_until

_NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

needs_nginx = pytest.mark.skipif(_NGINX is None, reason="nginx is not installed (nginx-light)")

_CONFIGURATION = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size {most};
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location {prefix}/ {{
{refusals}
      proxy_pass http://127.0.0.1:{chroma}/;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class SecuredChroma:
    """Where it is."""

    port: int
    prefix: str
    ca: Path
    """The certificate of its CA."""
    _log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes a command find it and trust it; no credentials."""
        return {
            "CHROMA_HOST": "localhost",
            "CHROMA_PORT": str(self.port),
            "CHROMA_SSL": "true",
            "CHROMA_URL_PREFIX": self.prefix,
            "CHROMA_CA_CERTS": str(self.ca),
        }

    def statuses(self) -> list[int]:
        """Of all answers that it gave."""
        lines = self._log.read_text().splitlines()
        return [int(line.rpartition('" ')[0].rpartition('" ')[2].split()[0]) for line in lines]


@contextmanager
def secured(
    chroma: int,
    folder: Path,
    *,
    wanted: Mapping[str, str],
    prefix: str = "/chroma",
    most: str = "40m",
) -> Iterator[SecuredChroma]:
    """nginx before the Chroma server at that port.

    Args:
        folder: for its files; made.
        wanted: headers without which it refuses.
        most: largest body that it takes, as nginx has it.
    """
    assert _NGINX is not None
    folder.mkdir()
    ca = make_certificates(folder, "localhost")
    port = free_port()
    refusals = "\n".join(
        f'      if ($http_{name.lower().replace("-", "_")} != "{value}") {{ return 401; }}'
        for name, value in wanted.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            user=pwd.getpwuid(os.geteuid()).pw_name,
            folder=folder,
            port=port,
            prefix=prefix,
            refusals=refusals,
            chroma=chroma,
            most=most,
        )
    )
    command = [_NGINX, "-c", str(configuration), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _listens(port) or process.poll() is not None, timeout=20)
            assert process.poll() is None, (folder / "error.log").read_text()
            yield SecuredChroma(port, prefix, ca, folder / "access.log")
        finally:
            process.terminate()


def make_certificates(folder: Path, host: str) -> Path:
    """``server.pem`` and ``server.key`` for a host, signed by the CA whose certificate's path is
    returned."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name, name = _name("A CA of one's own"), _name(host)
    ca = (
        _certificate(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName(host), x509.IPAddress(IPv4Address("127.0.0.2"))]
    server = (
        _certificate(ca_name, name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path = folder / "ca.pem"
    path.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return path


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
