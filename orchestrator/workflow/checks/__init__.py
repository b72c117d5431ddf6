"""What a schema cannot say about a workflow file (engine.md 6.3), one function for each rule."""
