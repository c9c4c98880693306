"""`duologue tenants`: who may use a platform, how much of it, and their keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.durations import seconds_of
from duologue.cli.options import ConfigOption, JsonOption, SetOption, read_options
from duologue.cli.remote import (
    PANEL,
    AddressOption,
    ApiKeyOption,
    TlsOption,
    as_dict,
    ask,
)
from duologue.cli.tables import Column, table
from duologue.cli.tenant_usage import usage
from duologue.cli.terminal import messages, output, print_json
from duologue.cli.watching import (
    EveryOption,
    Showing,
    View,
    WatchOption,
    WideOption,
)
from duologue.cli.watching import show as show_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duologue.client import Client
    from duologue.service_settings import StoreSettings
    from duologue.tenants import NewKey
    from duologue.v1.admin_pb2 import Tenant

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue tenants add acme --max-sessions 20     make a tenant, or change it\n\n"
    "duologue tenants key acme                       an API key, shown this once\n\n"
    "duologue tenants key acme --scope transcripts:read --expires-in 90d\n\n"
    "duologue tenants usage acme --since 7d          what it used, by day\n\n"
    "duologue tenants revoke k7f3                    take a key back\n\n"
    "All of them need an operator's key. The first one is made at the store itself:\n\n"
    "duologue tenants operator-key -s store.url=redis://store:6379"
)
OPERATOR_TENANT = "operator"
TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", show_default=False)]

_COLUMNS = (
    Column("tenant"),
    Column("sessions", 1, is_number=True),
    Column("opens/min", 2, is_number=True),
    Column("chars/min", 3, is_number=True),
    Column("tokens/min", 4, is_number=True),
    Column("cells", 5, is_number=True),
    Column("priority", 6, is_number=True),
    Column("weight", 7, is_number=True),
    Column("", 8),
    Column("keys", 9),
)

_tenants = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@_tenants.command("list")
def show(
    watch: WatchOption = False,
    every_s: EveryOption = None,
    wide: WideOption = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tenants, with their limits and the names of their keys."""

    async def listed(client: "Client") -> View:
        found = await client.admin.tenants()
        title = f"{len(found)} tenants (- is the platform's default)"
        return View(
            [as_dict(tenant) for tenant in found],
            lambda room: table(title, _COLUMNS, map(_row, found), room),
        )

    show_view(listed, Showing.of(as_json, wide, watch, every_s), address, api_key, tls_ca)


def _row(tenant: "Tenant") -> tuple[str, ...]:
    limits = (
        *(tenant.max_sessions, tenant.opens_per_minute, tenant.input_chars_per_minute),
        *(tenant.output_tokens_per_minute, tenant.max_cells),
    )
    flags = ["operator"] * tenant.is_operator + ["text in traces"] * tenant.records_text
    return (
        tenant.tenant_id,
        *(str(limit) if limit else "-" for limit in limits),
        str(tenant.priority),
        f"{tenant.weight:g}",
        ", ".join(flags),
        " ".join(_keys(tenant)),
    )


def _keys(tenant: "Tenant") -> "Iterator[str]":
    """Each key by its name, with what it may be used for and until when if that is bounded."""
    from duologue.scopes import ALL_SCOPES

    terms = {key.key_id: key for key in tenant.keys}
    for key_id in tenant.key_ids:
        known = terms.get(key_id)
        bounds = []
        if known is not None and frozenset(known.scopes) != ALL_SCOPES:
            bounds.append(",".join(known.scopes))
        if known is not None and known.HasField("expires_at"):
            bounds.append(f"until {known.expires_at.ToDatetime():%Y-%m-%dT%H:%MZ}")
        yield f"{key_id}({'; '.join(bounds)})" if bounds else key_id


@_tenants.command()
def add(
    tenant_id: TenantArgument,
    max_sessions: Annotated[int, typer.Option(min=0, help="Live sessions; 0: default.")] = 0,
    opens_per_minute: Annotated[int, typer.Option(min=0, help="New sessions.")] = 0,
    input_chars_per_minute: Annotated[int, typer.Option(min=0, help="Characters sent.")] = 0,
    output_tokens_per_minute: Annotated[int, typer.Option(min=0, help="Tokens of replies.")] = 0,
    max_cells: Annotated[
        int, typer.Option(min=0, help="Cells held at a batching actor at once.")
    ] = 0,
    priority: Annotated[int, typer.Option(min=0, help="The higher goes first.")] = 0,
    weight: Annotated[
        float, typer.Option(min=0.01, max=100, help="Its share where the model is short of time.")
    ] = 1.0,
    records_text: Annotated[bool, typer.Option(help="Traces may hold what was said.")] = False,
    operator: Annotated[bool, typer.Option(help="Its keys may do all of this.")] = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
) -> None:
    """Make a tenant, or give one that exists these limits."""

    async def put(client: "Client") -> "Tenant":
        from duologue.v1.admin_pb2 import Tenant

        return await client.admin.put_tenant(
            Tenant(
                tenant_id=tenant_id,
                max_sessions=max_sessions,
                opens_per_minute=opens_per_minute,
                input_chars_per_minute=input_chars_per_minute,
                output_tokens_per_minute=output_tokens_per_minute,
                max_cells=max_cells,
                priority=priority,
                weight=weight,
                records_text=records_text,
                is_operator=operator,
            )
        )

    tenant = ask(put, address, api_key, tls_ca)
    hint = "" if tenant.key_ids else f"; a key for it: duologue tenants key {tenant.tenant_id}"
    messages().print(f"tenant {tenant.tenant_id} is there{hint}")


@_tenants.command()
def key(
    tenant_id: TenantArgument,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it may be used for: converse, sessions:read, transcripts:read, and of an "
            "operator admin:read, admin. May be repeated; without it, everything.",
            show_default=False,
        ),
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Good for so long: 12h, 90d, 4w.", show_default=False),
    ] = None,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key for a tenant, and print it: it is shown this once."""
    within_s = None if expires_in is None else seconds_of(expires_in)
    key_id, made = ask(
        lambda c: c.admin.create_key(tenant_id, scope or (), within_s), address, api_key, tls_ca
    )
    if as_json:
        print_json({"key_id": key_id, "key": made})
        return
    messages().print(f"key {key_id} of tenant {tenant_id}; it is not shown again:")
    output().print(made, soft_wrap=True)


@_tenants.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", show_default=False)],
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
) -> None:
    """Take an API key back; KEY_ID is its name in the list, not the key."""
    ask(lambda client: client.admin.revoke_key(key_id), address, api_key, tls_ca)
    messages().print(f"key {key_id} is no longer valid")


@_tenants.command("operator-key")
def operator_key(
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Make a key of the tenant [b]operator[/b] at the store itself, and print it this once.

    For the beginning, when nobody has a key yet. It needs [b]store.url[/b], and asks no gateway.
    """
    import asyncio

    store = read_options(config, assignments).settings.store
    made = asyncio.run(_make_operator_key(store))
    if as_json:
        print_json({"key_id": made.key_id, "key": made.key})
        return
    messages().print(f"key {made.key_id} of tenant {OPERATOR_TENANT}; it is not shown again:")
    output().print(made.key, soft_wrap=True)


async def _make_operator_key(settings: "StoreSettings") -> "NewKey":
    from dataclasses import replace

    from duologue.errors import InvalidSetting
    from duologue.store.store import Store
    from duologue.tenants import Tenant

    if settings.url is None:
        raise InvalidSetting(
            "must be set: the key is made at the platform's store", field="store.url"
        )
    async with await Store.connect(settings.url, settings) as store:
        tenant = await store.tenant(OPERATOR_TENANT) or Tenant(OPERATOR_TENANT)
        await store.put_tenant(replace(tenant, is_operator=True))
        return await store.create_key(OPERATOR_TENANT)


_tenants.command()(usage)


@_tenants.command()
def remove(
    tenant_id: TenantArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    address: AddressOption = None,
    api_key: ApiKeyOption = None,
    tls_ca: TlsOption = None,
) -> None:
    """Remove a tenant and its keys."""
    if not yes:
        typer.confirm(f"Remove tenant {tenant_id} and its keys?", abort=True, err=True)
    ask(lambda client: client.admin.delete_tenant(tenant_id), address, api_key, tls_ca)
    messages().print(f"tenant {tenant_id} is removed")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    help_ = "Say who may use the platform, and how much."
    app.add_typer(_tenants, name="tenants", help=help_, epilog=_EPILOG, rich_help_panel=PANEL)
