"""Observe: what a run tells of itself, and the display, log and report made of that."""
