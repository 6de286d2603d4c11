"""Storage: Chroma and its private server, the ledger, and the lock that guards both."""
