"""``python scripts/benchmark.py …`` is ``waypoint benchmark …``."""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a file, Python looks for modules beside it: here the package is one folder up.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from waypoint.cli import main

if __name__ == "__main__":
    main(command="benchmark", program="benchmark.py")
