"""What is told of the platform's inner life: traces of sessions, and metrics."""
