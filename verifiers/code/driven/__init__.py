"""Driven tests: `drive` beside the candidate, `judge` elsewhere."""
