"""Room in the context: how much of a lane must leave for the rest of it to fit."""

from duologue.lane.lane import Lane


def turns_over(lane: Lane, max_tokens: int) -> int:
    """How many of the oldest turns must leave for the lane to have at most `max_tokens`.

    The last turn stays in any case.
    """
    excess = lane.num_tokens - max_tokens
    if excess <= 0 or lane.num_turns < 2:
        return 0
    for turns, start in enumerate(lane.turn_starts[1:], start=1):
        if start - lane.num_opening_tokens >= excess:
            return turns
    return lane.num_turns - 1
