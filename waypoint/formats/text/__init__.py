"""Text: its bytes decoded, normalised, and written so that a search finds it."""
