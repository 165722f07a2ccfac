"""Tasks to begin with: a file with explanations and recorded replies for each, and what writes them into a folder."""
