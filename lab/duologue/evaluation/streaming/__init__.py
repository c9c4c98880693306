"""Texts said word by word to sessions of an engine, on a simulated clock."""
