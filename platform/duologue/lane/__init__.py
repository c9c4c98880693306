"""One conversation as tokens: a trunk and two channels, and the steps that change them.

Pure Python, without torch: the engine attaches cells to a lane, the session rebuilds it from the
journal.
"""
