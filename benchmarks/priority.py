"""Real-time priority for the length of a measurement, on a machine that others use too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def undisturbed(wanted: bool) -> Iterator[None]:
    """Run every thread of this process and its children before the machine's other work.

    A parallel loop waits for its slowest thread, so that a neighbour who takes one core for a
    moment stops them all. Linux only; raises PermissionError without the right to do it.
    """
    if not wanted:
        yield
        return
    _schedule(os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule(os.SCHED_OTHER, 0)


def _schedule(policy: int, priority: int) -> None:
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        for thread in process.threads():
            os.sched_setscheduler(thread.id, policy, os.sched_param(priority))
