"""The commands `search reward` and `search loss`."""
