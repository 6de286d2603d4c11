"""Commands: what stands between the command line and the app; speaks to the person."""
