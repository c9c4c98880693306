"""The states that an utterance in progress can be in, as the state head names them.

Pure Python: session actors, clients and the command line read it without loading torch.
"""

from enum import StrEnum


class State(StrEnum):
    """What the text that was heard so far asks of the assistant.

    The values are the label names in adapter files, in data files and on the wire.
    """

    QUERY = "query"
    """A complete query, command, answer or correction: respond now (the paper's ``<1>``)."""

    NON_QUERY = "non_query"
    """Nothing to respond to (backchannel, tic, background, talk for others): the paper's ``<2>``."""

    INCOMPLETE = "incomplete"
    """Something has begun and is not finished: keep listening."""

    HOLD = "hold"
    """The user asks for silence: stop talking and say nothing (an extension of the paper's two)."""
