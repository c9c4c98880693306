"""How records look in the store: hashes for sessions, JSON for what scripts do not look into."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from duologue.cluster_status import BatcherStatus, NodeStatus, Shedding
from duologue.grants import KeyTerms
from duologue.scopes import ALL_SCOPES, Scope, scopes_known
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_record import SessionRecord, SessionStatus
from duologue.tenants import Tenant
from duologue.usage import USAGE_NAMES, Usage

_FIGURES = (
    *("tick_ms", "longest_tick_ms", "deadline_ms"),
    *("rows_per_forward", "held_cells", "max_cells"),
)

_LATER_LIMITS = frozenset({"output_tokens_per_minute", "max_cells"})


def record_fields(record: SessionRecord) -> list[str | bytes | int]:
    """Field and value of a new session's hash, but for the digest."""
    return [
        *("status", SessionStatus.NEW, "config", record.config, "epoch", 0),
        *("created_ms", record.created_ms, "active_ms", record.active_ms or record.created_ms),
        *(each for name in USAGE_NAMES for each in (name, 0)),
        *("entries", 0, "journal_bytes", 0, "forgotten", 0),
    ]


def record_from_fields(
    tenant_id: str, session_id: str, now_ms: int, pairs: Sequence[bytes]
) -> SessionRecord:
    """A session as its hash has it at a time; whoever let the lease run out holds it no more."""
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    status = SessionStatus(fields[b"status"].decode())
    is_held = status is SessionStatus.LIVE and int(fields[b"lease_until_ms"]) > now_ms
    if status is SessionStatus.LIVE and not is_held:
        status = SessionStatus.ASLEEP
    counts = (int(fields.get(name.encode(), 0)) for name in USAGE_NAMES)
    return SessionRecord(
        tenant_id=tenant_id,
        session_id=session_id,
        config=fields[b"config"],
        resume_digest=fields[b"resume_digest"],
        created_ms=int(fields[b"created_ms"]),
        active_ms=int(fields[b"active_ms"]),
        status=status,
        epoch=int(fields[b"epoch"]),
        address=fields[b"address"].decode() if is_held else "",
        node_id=fields[b"node_id"].decode() if is_held else "",
        usage=Usage(*counts),
    )


def entry_to_json(entry: Entry) -> str:
    """A transcript's entry."""
    values = [entry.role, entry.text, entry.outcome, entry.response_id]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def entry_from_json(text: bytes) -> Entry:
    """The same, back."""
    role, said, outcome, response_id = json.loads(text)
    return Entry(Role(role), said, Outcome(outcome), response_id)


def tenant_to_json(tenant: Tenant) -> str:
    """A tenant without its name, its keys' names and its generation, which are kept apart.

    Limits that versions before did not know are left out where nothing is said: they take no
    tenant with names that they do not know.
    """
    values = dataclasses.asdict(tenant)
    del values["tenant_id"], values["key_ids"], values["generation"]
    if tenant.weight == 1.0:  # versions before it know no such name
        del values["weight"]
    return json.dumps(
        {name: value for name, value in values.items() if value or name not in _LATER_LIMITS}
    )


def tenant_from_json(tenant_id: str, text: bytes, key_names: bytes | None) -> Tenant:
    """The same, back, as far as this version knows it; the keys' names are separated by spaces."""
    key_ids = tuple(sorted((key_names or b"").decode().split()))
    known = {field.name for field in dataclasses.fields(Tenant)}
    values = {name: value for name, value in json.loads(text).items() if name in known}
    return Tenant(tenant_id, **values, key_ids=key_ids)


def scopes_to_text(scopes: frozenset[Scope]) -> str:
    """How scopes stand behind a key's digest; "*" are all, also those of later versions."""
    return "*" if scopes == ALL_SCOPES else ",".join(sorted(scopes))


def key_terms_from_text(text: bytes) -> KeyTerms:
    """When a key expires (0: never) and its scopes; nothing at all for keys without terms."""
    if not text:
        return KeyTerms()
    expires_ms, names = text.decode().split()
    scopes = ALL_SCOPES if names == "*" else scopes_known(names.split(","))
    return KeyTerms(scopes, int(expires_ms) or None)


def status_to_json(status: NodeStatus | BatcherStatus) -> str:
    """How a node or a batching actor stands, without its figures."""
    told = dataclasses.asdict(status)
    return json.dumps({name: value for name, value in told.items() if name not in _FIGURES})


def figures_to_json(status: BatcherStatus) -> str:
    """What only operators look at: kept apart, since versions before it know no such names."""
    told = dataclasses.asdict(status)
    return json.dumps({name: told[name] for name in ("batcher_id", *_FIGURES)})


def with_figures(status: BatcherStatus, figures: Iterable[bytes]) -> BatcherStatus:
    """The status with its own among these; as it is where there are none."""
    for text in figures:
        told = _known(BatcherStatus, text)
        if told["batcher_id"] == status.batcher_id:
            return dataclasses.replace(status, **told)
    return status


def node_from_json(text: bytes, is_marked: bool) -> NodeStatus:
    """The same, back; an operator's mark counts like the node's own will."""
    status = NodeStatus(**_known(NodeStatus, text))
    return dataclasses.replace(status, is_draining=status.is_draining or is_marked)


def batcher_from_json(text: bytes, is_marked: bool) -> BatcherStatus:
    """The same, back; an operator's mark counts like its own will."""
    values = _known(BatcherStatus, text)
    status = BatcherStatus(**{**values, "shedding": Shedding(values["shedding"])})
    return dataclasses.replace(status, is_draining=status.is_draining or is_marked)


def _known(kind: type[NodeStatus | BatcherStatus], text: bytes) -> dict[str, Any]:
    """What this version knows of an announcement: a newer one may tell more."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in json.loads(text).items() if name in names}
