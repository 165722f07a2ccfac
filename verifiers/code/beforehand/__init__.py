"""What a test's text shows before anything is run."""
