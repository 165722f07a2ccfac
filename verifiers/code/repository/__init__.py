"""Tasks whose tests are a repository's own: what can be wrong with them, and how they are judged."""
