"""The pipeline: stages joined by bounded streams, from a folder to a collection."""
