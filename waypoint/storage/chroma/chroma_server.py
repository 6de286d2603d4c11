"""The private Chroma server's process: ``chroma_server.py PATH HOST PORT READY``.

READY is an inherited file descriptor: once the server listens, the port is written there, as a
line, and it is closed. PORT may be 0 for any that is free. Nobody else can tell that it is *this*
server that listens: a port that was free a moment ago may be another program's by now.

``chromadb_rust_bindings.cli`` is what the ``chroma`` command itself calls. It is a private
entry point, so chromadb is pinned and a test starts it; going through it spares the 0.7 s
that importing chromadb takes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback

import chromadb_rust_bindings


def _end_with_stdin() -> None:
    # The parent holds the other end and never writes: end of file means it is gone.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _tell_port(host: str, ready: int) -> None:
    try:
        _tell_port_when_it_listens(host, ready)
    except BaseException:
        # A server that nobody finds is of no use; its parent is told by the end of the pipe.
        traceback.print_exc()
        os._exit(1)


def _tell_port_when_it_listens(host: str, ready: int) -> None:
    # Chroma tells nobody when it listens, but its socket is one of our own descriptors. Before
    # that it tries whether it could listen, with another socket: that one answers nothing.
    port = _listening_port()
    while port is None or not _answers(host, port) or _listening_port() != port:
        time.sleep(0.005)
        port = _listening_port()
    os.write(ready, b"%d\n" % port)
    os.close(ready)


def _listening_port() -> int | None:
    with os.scandir("/dev/fd") as descriptors:
        ports = (_port_of(int(descriptor.name)) for descriptor in descriptors)
        return next((port for port in ports if port is not None), None)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1) as client:
            client.sendall(b"GET /api/v2/heartbeat HTTP/1.0\r\n\r\n")
            return client.recv(16).startswith(b"HTTP/")
    except OSError:
        return False


def _port_of(descriptor: int) -> int | None:
    """The port it listens on; None if it does not."""
    try:
        opened = socket.socket(fileno=descriptor)
    except OSError:  # no socket, or closed by now
        return None
    try:
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            port: int = opened.getsockname()[1]
            return port
    except OSError:
        pass
    finally:
        opened.detach()  # it is Chroma's, and stays open
    return None


if __name__ == "__main__":
    path, host, port, ready = sys.argv[1:5]
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    threading.Thread(target=_tell_port, args=(host, int(ready)), daemon=True).start()
    chromadb_rust_bindings.cli(["chroma", "run", "--path", path, "--host", host, "--port", port])
