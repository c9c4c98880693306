"""Commands of a user without a name and without a home: they work, or say what is to be done."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from duologue.store.valkey import EmbeddedValkey
from tests.nameless import USER, nameless, without_home
from tests.programs import running

COMMAND = (sys.executable, "-c", "from duologue.cli.main import main; main()")


@pytest.fixture
def place() -> Iterator[Path]:
    """Where everybody may write: pytest's own folders are for its user only."""
    with TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


async def last_words(place: Path, *arguments: str) -> tuple[int, str]:
    """How a command ended, and what it said of that."""
    environment = without_home(TMPDIR=str(place))
    command = (*nameless(), *COMMAND, *arguments)
    async with running(*command, environment=environment, cwd=place) as program:
        return await program.ended(), program.errors


@pytest.mark.parametrize("command", ["trace", "status"])
async def test_what_looks_into_the_cache_finds_none(place: Path, command: str) -> None:
    code, said = await last_words(place, command)
    assert code == 2
    assert said.count("\n") == 1
    assert "Traceback" not in said
    if command == "trace":
        assert f"{place}/duologue-{USER}/traces" in said


async def test_a_home_that_is_named_is_missed_in_one_line(place: Path) -> None:
    code, said = await last_words(place, "trace", "-s", "telemetry.trace_dir=~/traces")
    assert (code, said.count("\n")) == (2, 1)
    assert "there is no home folder" in said


async def test_a_cache_of_somebody_else_is_not_used(place: Path) -> None:
    (place / f"duologue-{USER}").mkdir(mode=0o777)
    code, said = await last_words(place, "trace")
    assert (code, said.count("\n")) == (2, 1)
    assert "DUOLOGUE_CACHE must be set" in said


async def test_a_gateway_serves(place: Path) -> None:
    async with EmbeddedValkey(host="127.0.0.1") as store:
        settings = ("-s", f"store.url={store.url}", "-s", "gateway.port=0")
        command = (*nameless(), *COMMAND, "gateway", *settings)
        environment = without_home(TMPDIR=str(place))
        async with running(*command, environment=environment, cwd=place) as program:
            await program.line("gateway listens at")
    assert (place / f"duologue-{USER}" / "traces").is_dir()
