"""Score tests: an evaluator of the task's author in the judge process, the candidate in another."""
