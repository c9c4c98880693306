"""A session's trace as one page for a browser, which needs nothing else."""
