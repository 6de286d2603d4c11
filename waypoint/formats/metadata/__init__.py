"""Metadata: fields made fit for storing, and the blocks of YAML and TOML that hold them."""
