"""The benchmark: the real program as a child process, measured from outside and by its report.

Nothing of the measuring is in the measured process but what a user may switch on as well
(STATS_INTERVAL). The simulator, the store and the load beside it are processes of their own,
whose CPU time and memory are counted apart.
"""
