"""A conversation with the bundled model at a terminal: scripted, or typed while it speaks."""
