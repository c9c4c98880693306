"""The forward in C, for processors: sources, how they are built and loaded, and what calls them."""
