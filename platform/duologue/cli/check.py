"""`duologue check`: whether a running platform holds a conversation."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.endpoint import Endpoint, find_endpoint
from duologue.cli.options import ConfigOption, JsonOption, SetOption, read_options
from duologue.cli.remote import (
    PANEL,
    AddressOption,
    ApiKeyOption,
    TlsOption,
)
from duologue.cli.terminal import output, print_json, show_error
from duologue.errors import InvalidInput

if TYPE_CHECKING:
    from duologue.checking.steps import Step
    from duologue.service_settings import StoreSettings

EXIT_BROKEN = 1

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue check                                    the platform of this machine\n\n"
    "duologue check --address gateway:50051            another one, with DUOLOGUE_API_KEY\n\n"
    "duologue check --address 127.0.0.1:50051 -s store.url=redis://store:6379    without a key"
)


def check(
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="One of those that are served there, by its name.", show_default=False),
    ] = None,
    within_s: Annotated[
        float, typer.Option(min=0.1, help="No step may take longer than so many seconds.")
    ] = 60.0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Hold one short conversation with a platform, and say step by step whether it works.

    Exit code 0 if all of it works, otherwise 1. Without a key, but with [b]store.url[/b], it makes
    a tenant [b]duologue-check[/b] and a key for it, and removes both in the end.
    """
    endpoint = find_endpoint(address, api_key, tls_ca)
    store = None if endpoint.api_key else read_options(config, assignments).settings.store
    if store is not None and store.url is None:
        raise InvalidInput(
            "there is no API key: give --api-key or DUOLOGUE_API_KEY, or store.url to make one"
        )
    taken = _run(endpoint, store, within_s, as_json, model)
    works = all(step.is_good for step in taken)
    if as_json:
        from dataclasses import asdict

        steps = [asdict(step) for step in taken]
        print_json({"works": works, "address": endpoint.address, "steps": steps})
    elif works:
        output().print("[bold green]it works[/]")
    if not works:
        raise typer.Exit(EXIT_BROKEN)


def _run(
    endpoint: Endpoint,
    store: "StoreSettings | None",
    within_s: float,
    is_quiet: bool,
    model: str | None,
) -> "list[Step]":
    from duologue.checking.conversation import converse, reach
    from duologue.checking.guest import guest_key
    from duologue.checking.steps import StepFailed, Steps
    from duologue.clock import MonotonicClock
    from duologue.trust import trust

    trusted = trust(endpoint.tls_ca, endpoint.tls_certificate, endpoint.tls_key)
    clock = MonotonicClock()
    steps = Steps(clock, within_s, _pass_over if is_quiet else _show)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        # What was made at the store is removed also when somebody loses patience.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        address = endpoint.address
        await reach(address, trusted, steps)
        if store is None:
            await converse(address, endpoint.api_key, trusted, steps, clock, model=model)
            return
        async with guest_key(store, steps) as key:
            await converse(address, key, trusted, steps, clock, model=model)

    try:
        asyncio.run(run())
    except StepFailed:
        pass
    except asyncio.CancelledError:
        show_error("stopped before the end")
        raise typer.Exit(EXIT_BROKEN) from None
    return steps.taken


def _show(step: "Step") -> None:
    from rich.text import Text

    word = ("ok", "green") if step.is_good else ("FAILED", "bold red")
    line = Text.assemble((f"{word[0]:6}", word[1]), f"  {step.name:8} {step.took_ms:7,.0f} ms  ")
    output().print(line + Text(step.told), soft_wrap=True)


def _pass_over(step: "Step") -> None:
    """With --json everything is told at the end."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(check)
