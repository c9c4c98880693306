"""People who hold conversations with a platform, all at the same time, and what they notice."""
