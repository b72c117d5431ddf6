"""Who does a step that the pattern wants done: `assign(step, history)`. Pure."""
