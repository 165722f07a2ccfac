"""Tests split by themselves: what uses the candidate runs beside it, and each assertion is evaluated elsewhere."""
