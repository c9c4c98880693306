"""A conversation with a running platform at a terminal: typed while it speaks, or scripted."""
