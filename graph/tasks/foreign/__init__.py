"""Tasks that were written for other tools."""
