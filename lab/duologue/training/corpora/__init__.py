"""Readers of the public corpora, each in its published format and in the reduced JSON Lines."""
