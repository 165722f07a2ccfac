"""Commands that one begins with."""
