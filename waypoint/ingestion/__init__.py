"""Ingest: a run over a folder; its plan, its stages joined by bounded streams, its recovery."""
