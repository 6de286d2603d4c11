"""Chroma: the adapter, its HTTP API, and the private server over an embedded store."""
