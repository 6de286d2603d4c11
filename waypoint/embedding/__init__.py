"""Embedding: the Gemini adapter, the quota, retries and batching."""
