"""Whoever writes a client finds all that it is told in one place."""

from typing import get_args

import duologue.client
from duologue import events, notices


def test_every_event_is_exported() -> None:
    told = {
        kind.__name__ for kind in (*get_args(events.ServerEvent), *get_args(notices.NoticeEvent))
    }
    assert told <= set(duologue.client.__all__)
    assert all(hasattr(duologue.client, name) for name in duologue.client.__all__)
