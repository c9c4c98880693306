"""What is said of an actor that is gone."""

from ray.exceptions import OutOfMemoryError, RayActorError

from duologue.actors.launching import ActorLost
from duologue.actors.ray_deaths import MAX_CHARS, reason_of
from duologue.actors.ray_launcher import answer

KILLED = """\
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 192.0.2.2, \
ID: 64dfc2deb16e) was 6.46GB used / 23.54GB limit (0.274279)
OOM kill reason: Memory usage 6971961344B exceeded threshold of 1263825152B (5.0% of 25276502016B)
Object store memory usage: [- objects spillable: 0
- bytes spillable: 0]
Ray killed 1 worker(s) based on the killing policy
Top 10 memory users: PID	MEM(GB)	COMMAND
21634	1.64	python
Refer to the documentation on how to address the out of memory issue."""
"""As Ray 2.60 says it, shortened."""


async def lost(error: Exception) -> str:
    """What the node agent is told, and logs."""

    async def call() -> None:
        raise error

    try:
        await answer(call())
    except ActorLost as told:
        return str(told)
    raise AssertionError("nothing was lost")


async def test_one_that_was_killed_for_memory_says_so_in_a_line() -> None:
    told = await lost(OutOfMemoryError(KILLED))  # type: ignore[no-untyped-call]
    assert told == (
        "the session actor is gone: Ray killed it because its node ran out of memory "
        "(6.46GB used / 23.54GB limit)"
    )


def test_the_reason_is_found_in_other_errors_too() -> None:
    assert "6.46GB used" in reason_of(RayActorError(error_msg=f"It died.\n\tpid: 7\n{KILLED}"))
    unknown = OutOfMemoryError("in words of later versions")  # type: ignore[no-untyped-call]
    assert "ran out of memory" in reason_of(unknown)


async def test_everything_else_is_one_line_of_bounded_length() -> None:
    told = await lost(RayActorError(error_msg="It died.\n\tpid: 7\n" + "x" * 2_000))
    assert told.startswith("the session actor is gone: It died. pid: 7 xxx")
    assert "\n" not in told
    assert len(told) < MAX_CHARS + 100
