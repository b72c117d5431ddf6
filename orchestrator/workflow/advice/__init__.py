"""Which approach, pattern and topology fit a task, and a file to start from. Pure."""
