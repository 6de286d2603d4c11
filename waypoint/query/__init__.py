"""Query: what looks into a store and changes nothing: search and status."""
