"""The private Chroma server's process: ``chroma_server.py PATH HOST PORT``.

``chromadb_rust_bindings.cli`` is what the ``chroma`` command itself calls. It is a private
entry point, so chromadb is pinned and a test starts it; going through it spares the 0.7 s
that importing chromadb takes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import chromadb_rust_bindings


def _end_with_stdin() -> None:
    # The parent holds the other end and never writes: end of file means it is gone.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    path, host, port = sys.argv[1:4]
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    chromadb_rust_bindings.cli(["chroma", "run", "--path", path, "--host", host, "--port", port])
