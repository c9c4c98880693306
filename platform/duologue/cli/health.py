"""`duologue health`: the health of one process, for probes."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from duologue.cli.endpoint import (
    TLS_CA_VARIABLE,
    TLS_CERTIFICATE_VARIABLE,
    TLS_KEY_VARIABLE,
)
from duologue.cli.options import JsonOption
from duologue.cli.remote import PANEL, TlsOption
from duologue.cli.terminal import print_json, show_error

READINESS = "duologue.v1.ConversationService"
EXIT_NOT_SERVING = 1

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue health 127.0.0.1:50051                   whether clients should come to a gateway\n\n"
    'duologue health 127.0.0.1:50051 --service ""      whether the process is alive\n\n'
    "duologue health 10.0.0.7:41873 --service duologue.v1.BatchingService"
)


def health(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", show_default=False)],
    service: Annotated[
        str, typer.Option(metavar="NAME", help='What to ask for; "" is the process itself.')
    ] = READINESS,
    tls_ca: TlsOption = None,
    tls_name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name in the certificate, where ADDRESS is another one: 127.0.0.1, say.",
            show_default=False,
        ),
    ] = None,
    tls_certificate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="PEM file with the certificate to show to a port that asks for one; also "
            "[b]DUOLOGUE_TLS_CERTIFICATE[/b].",
            show_default=False,
        ),
    ] = None,
    tls_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="PEM file with its key; also [b]DUOLOGUE_TLS_KEY[/b].",
            show_default=False,
        ),
    ] = None,
    within_s: Annotated[float, typer.Option(min=0.1, help="Wait so long at the most.")] = 3.0,
    as_json: JsonOption = False,
) -> None:
    """Ask one process how it is: exit code 0 if it is SERVING, otherwise 1 and the reason.

    It needs no API key.
    """
    # The reason is told in one line: gRPC's own log of it would come before.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from duologue.checking.health import ask_health
    from duologue.trust import trust

    trusted = trust(
        tls_ca or os.environ.get(TLS_CA_VARIABLE),
        tls_certificate or os.environ.get(TLS_CERTIFICATE_VARIABLE),
        tls_key or os.environ.get(TLS_KEY_VARIABLE),
    )
    found = ask_health(address, service, trust=trusted, tls_name=tls_name, within_s=within_s)
    if as_json:
        print_json({"address": address, "service": service, **asdict(found)})
    elif not found.is_serving:
        show_error(found.told)
    else:
        print(found.told)
    if not found.is_serving:
        raise typer.Exit(EXIT_NOT_SERVING)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(health)
