"""Reading a text as mathematics: of an answer without the expected one, of a task by its own judge."""
