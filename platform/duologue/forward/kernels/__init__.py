"""Kernel sets: what computes a merged forward, and how one is chosen."""
