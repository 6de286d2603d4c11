"""Verify: whether a collection is whole, whether it is right, and whether it finds things."""
