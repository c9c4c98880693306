"""Who rides in the next forward, and with how many rows, where nobody says otherwise."""

from collections.abc import Mapping

from duologue.engine.job import Job
from duologue.engine.turns import Order

RECALL_ROWS = 24
"""Rows for which nobody waits, of all sessions together, in a forward that somebody waits for. What
an assistant has said, and what the model is to know, comes in long texts: who says a word meanwhile
would wait for all of them."""


def usual_order(jobs: Mapping[str, Job], max_rows: int, chunk_rows: int) -> Order:
    """The oldest slice comes first, so that none starves, then those with the fewest rows, and then
    those for which nobody waits.

    A forward has `max_rows` at the most, of one session `chunk_rows`.
    """
    oldest = next(iter(jobs), None)
    sessions = sorted(
        jobs,
        key=lambda each: (each != oldest, jobs[each].is_recall, jobs[each].num_wanted_rows),
    )
    is_awaited = any(not job.is_recall for job in jobs.values())
    recall_room = RECALL_ROWS if is_awaited else max_rows
    turns = []
    for session_id in sessions:
        most = chunk_rows
        if jobs[session_id].is_recall:
            most = min(chunk_rows, recall_room)
            recall_room -= min(most, jobs[session_id].num_wanted_rows)
        if most:
            turns.append((session_id, most))
    return Order(max_rows, turns)
