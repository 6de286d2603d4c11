"""The ledger: which documents are started and complete, and every vector that was committed."""

LEDGER_NAME = "waypoint.sqlite3"
"""Its file, in the folder of the store."""
