"""Whole programs, which read their input and print what is asked: in Python, and in other languages."""

from __future__ import annotations

__all__: list[str] = []
