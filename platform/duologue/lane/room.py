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


def num_fixed_tokens(lane: Lane) -> int:
    """Tokens that stay whatever is trimmed: the opening, the last turn, the reply."""
    last_turn = lane.turn_starts[-1] if lane.turn_starts else len(lane.trunk)
    return lane.num_opening_tokens + len(lane.trunk) - last_turn + len(lane.output)


def num_turn_reply_tokens(lane: Lane) -> int | None:
    """Tokens in the trunk behind the last turn's utterance; None before the first turn."""
    if not lane.turn_starts:
        return None
    return len(lane.trunk) - lane.turn_starts[-1] - lane.num_last_input_tokens
