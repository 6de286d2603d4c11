"""Commands under test see the packages that a user's installation has.

trio is here for the browser's driver alone, but the HTTP libraries import it wherever they find it,
which takes each process longer than all that it needs of them.
"""

import sys

sys.modules["trio"] = None  # type: ignore[assignment]  # as if it were not installed
