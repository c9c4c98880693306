"""The duplex engine: slices of many sessions, merged into forwards."""
