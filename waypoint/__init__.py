"""Waypoint: stream a folder of documents into a Chroma collection of Gemini embeddings.

Importing this package is cheap on purpose: the heavy SDKs (chromadb, google-genai) are
imported by the one adapter that speaks to each, and only when a run needs them.
"""

__version__ = "0.1.0"
