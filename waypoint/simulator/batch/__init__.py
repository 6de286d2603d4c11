"""The asynchronous batch API for embeddings: uploaded files, jobs, and results by download."""
