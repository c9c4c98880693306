"""Measuring what an engine decides and says, and writing it down as JSON and as a page."""
