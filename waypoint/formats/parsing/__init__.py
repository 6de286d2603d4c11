"""Processes that parse what a file may crash, keep busy or make take all memory."""
