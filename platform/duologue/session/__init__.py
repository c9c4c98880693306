"""One conversation session as a state machine: client events in, slices out, server events back.

Pure Python: no torch, no network, no clock of its own.
"""
