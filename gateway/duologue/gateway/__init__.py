"""The gateway: the one place where clients come in."""
