"""Models: where they come from, how they are prepared, loaded and checked."""
