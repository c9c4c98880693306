"""What a client's events cost: of its segments, only what is new. Pure and bounded."""

from collections import OrderedDict

from duologue.text.segment_names import MAX_SEGMENT_ID_CHARS
from duologue.v1 import events_pb2 as pb

MAX_SEGMENTS = 16
"""A recogniser works at one or two of them at a time."""
MAX_CHARS = 4096
"""So much of a segment's beginning is remembered."""


FREE_ID_CHARS = 36
"""A segment's name costs nothing up to the length of a UUID."""


class KnownText:
    """Of one connection. What it does not remember is new, and paid for."""

    def __init__(self) -> None:
        self._beginnings: OrderedDict[str, str] = OrderedDict()

    def num_new_chars(self, event: pb.ClientEvent) -> int:
        """How much text an event brings that its segment does not begin with, which is known then.

        What follows a change counts as new: the session has to read it again. Long names of
        segments count as text, and other settings as many characters as they have bytes.
        """
        match event.WhichOneof("event"):
            case "input_append":
                append = event.input_append
                before = self._beginnings.get(append.segment_id, "")
                self._remember(append.segment_id, before + append.text[: MAX_CHARS - len(before)])
                return len(append.text) + _excess(append.segment_id)
            case "input_revise":
                revise = event.input_revise
                before = self._beginnings.get(revise.segment_id, "")
                self._remember(revise.segment_id, revise.text[:MAX_CHARS])
                num_new = len(revise.text) - _num_shared(before, revise.text)
                return num_new + _excess(revise.segment_id)
            case "assistant_said":
                return len(event.assistant_said.text)
            case "context_append":
                return len(event.context_append.text)
            case "response_create":
                create = event.response_create
                return len(create.text) + len(create.instructions)
            case "tool_result":
                return len(event.tool_result.output)
            case "session_update":
                return event.ByteSize()
            case _:
                return 0

    def _remember(self, segment_id: str, beginning: str) -> None:
        if len(segment_id) > MAX_SEGMENT_ID_CHARS:
            return  # the session refuses it
        self._beginnings[segment_id] = beginning
        self._beginnings.move_to_end(segment_id)
        if len(self._beginnings) > MAX_SEGMENTS:
            self._beginnings.popitem(last=False)


def _excess(segment_id: str) -> int:
    """What a name has more than a name needs."""
    return max(0, len(segment_id) - FREE_ID_CHARS)


def _num_shared(before: str, after: str) -> int:
    """With how many characters both begin."""
    pairs = enumerate(zip(before, after, strict=False))
    different = (place for place, (one, other) in pairs if one != other)
    return next(different, min(len(before), len(after)))
