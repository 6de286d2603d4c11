"""Telemetry: listeners that turn a run's events into a report, a display and a log."""
