"""What a process that we start is told of our environment: nothing that it has no use for.

The API key, a proxy's password and whatever else a shell holds would be there for a parser that
a document has taken over, in a server's crash report, and for everybody who may look at it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_PASSED_ON = re.compile(
    r"PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|VIRTUAL_ENV|PYTHON[A-Z]+"
    # How the dynamic linker, the allocator and libfaketime are told what to do.
    r"|(?:LD|DYLD)_[A-Z_]+|MALLOC_[A-Z_]+|FAKETIME[A-Z_]*|DONT_FAKE_[A-Z]+"
    r"|RUST_(?:LOG|BACKTRACE)|(?:OMP|OPENBLAS)_NUM_THREADS"
)


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a child, to which ``more`` is added."""
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    return {**kept, **more}


def module_path() -> str:
    """The PYTHONPATH of a child that is to find this very package, wherever it is started."""
    package = str(Path(__file__).parent.parent)
    return os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
