"""`duologue drain`: empties a host before it goes."""

from typing import Annotated

import typer

from duologue.cli.options import ConfigOption, JsonOption, SetOption, read_options
from duologue.cli.terminal import messages, print_json

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue drain --host 10.0.3.17 -s store.url=redis://store:6379\n\n"
    "duologue drain --host $(POD_IP) --within-s 120      before a pod is stopped"
)


def drain(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="As its addresses begin in `duologue status`.")
    ],
    within_s: Annotated[
        float, typer.Option(min=0, help="How long sessions may take to leave.")
    ] = 60.0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Send all sessions of a host elsewhere: those that live there, and those seated there.

    Nothing of theirs is lost. It needs the platform's store ([b]store.url[/b]). Ends when they have
    left, or when the time is over.
    """
    settings = read_options(config, assignments).settings
    import asyncio

    from duologue.clock import MonotonicClock
    from duologue.errors import InvalidSetting
    from duologue.host_draining import drain_host
    from duologue.store.store import Store

    url = settings.store.url
    if url is None:
        raise InvalidSetting("must be set: the platform's own", field="store.url")

    async def run() -> int:
        async with await Store.connect(url, settings.store) as store:
            return await drain_host(store, host, within_ms=within_s * 1e3, clock=MonotonicClock())

    left = asyncio.run(run())
    if as_json:
        print_json({"host": host, "sessions_left": left})
        return
    messages().print(f"{left} sessions are left at {host}" if left else f"{host} is empty")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG)(drain)
