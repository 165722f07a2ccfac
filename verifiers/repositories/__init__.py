"""Repositories at a commit, as text on the host: their files, and patches against them. Nothing of them is ever run."""
