"""A run's history as its stream tells it, and what follows from it. Pure, so it replays."""
