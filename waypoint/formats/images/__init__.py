"""Images, and text recognition."""
