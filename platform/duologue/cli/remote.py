"""What commands that ask a running platform have in common: where it is, and how it answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from duologue.cli.endpoint import Endpoint, find_endpoint

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from duologue.client import Client

T = TypeVar("T")
PANEL = "A running platform"

AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        "-a",
        metavar="HOST:PORT",
        help="Gateway, or several with commas; also [b]DUOLOGUE_ADDRESS[/b]. Without it, the one "
        "that [b]duologue up[/b] started here.",
        show_default=False,
    ),
]
ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        "-k",
        metavar="KEY",
        help="Better [b]DUOLOGUE_API_KEY[/b], which no process list shows.",
        show_default=False,
    ),
]
TlsOption = Annotated[
    str | None,
    typer.Option(
        "--tls-ca",
        metavar="FILE",
        help="Speak TLS and trust the certificates in this PEM file, or [b]system[/b] for those "
        "of this machine; also [b]DUOLOGUE_TLS_CA[/b]. A gateway that asks for a certificate is "
        "shown those in [b]DUOLOGUE_TLS_CERTIFICATE[/b] and [b]DUOLOGUE_TLS_KEY[/b].",
        show_default=False,
    ),
]


def open_client(endpoint: Endpoint) -> "Client":
    """A client of the endpoint; of the event loop that runs."""
    from duologue.client import connect

    return connect(
        endpoint.address,
        api_key=endpoint.api_key,
        tls=endpoint.tls_ca,
        tls_certificate=endpoint.tls_certificate,
        tls_key=endpoint.tls_key,
    )


def ask(
    question: Callable[["Client"], Awaitable[T]],
    address: str | None,
    api_key: str | None,
    tls_ca: str | None,
) -> T:
    """The platform's answer; raises DuologueError."""
    endpoint = find_endpoint(address, api_key, tls_ca)

    async def answer() -> T:
        async with open_client(endpoint) as client:
            return await question(client)

    return asyncio.run(answer())


def as_dict(message: "Message") -> dict[str, Any]:
    """A message's fields by their names in the protos."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
