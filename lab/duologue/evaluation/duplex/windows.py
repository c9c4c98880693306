"""How long what follows a line is watched, in milliseconds of the scenario's time."""

RESPONSE_WINDOW_MS = 4000.0
"""A line that has no reply so long after its end counts as unanswered."""

YIELD_WINDOW_MS = 2000.0
"""A reply that is cut later than this was not yielded (the window of τ-voice)."""

QUIET_WINDOW_MS = 2000.0
"""How long after a line that needs no answer the assistant is watched.

τ-voice takes 1000 ms while it speaks and 2000 ms while it is silent; this outlasts the engine's
longest indecision.
"""

MAX_CUE_MS = 4000.0
"""How long a line waits for a reply to begin: longer than any utterance stays undecided."""

MAX_REPLY_MS = 60_000.0
"""How long a line waits for a reply to end."""
