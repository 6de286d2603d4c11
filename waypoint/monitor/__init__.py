"""The monitor: a run under way, for a browser, for Prometheus and for a health check.

It listens to the run's events and reads its gauges; nothing asks it, and no failure of it
reaches the run. Its server is imported only where a port was given.
"""
