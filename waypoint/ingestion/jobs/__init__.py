"""Batch jobs of a run: submitted within the queue, watched, and collected into the ledger."""
