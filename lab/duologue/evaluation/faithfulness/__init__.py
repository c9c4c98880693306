"""Replies under `duo` against those of the unmodified model, token for token."""
