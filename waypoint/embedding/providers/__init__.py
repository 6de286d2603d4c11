"""Providers: the services that embed, and which of them a run uses."""
