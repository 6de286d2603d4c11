"""How examples are found for the tests that ask for any.

The gate takes the same ones each time and has all the time it needs for one, so that whether it
passes depends on the code alone. ``HYPOTHESIS_PROFILE=search`` (``make soak``) looks for others.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
