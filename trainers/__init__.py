"""Verified data → a better adapter."""
