"""Embedding by asynchronous jobs, at half the price: what a service is asked, and its results."""
