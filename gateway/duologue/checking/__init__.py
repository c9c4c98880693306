"""Looks at a running platform from outside: its health, and whether it holds a conversation."""
