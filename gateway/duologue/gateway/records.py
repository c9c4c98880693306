"""What the store knows, as the API tells it."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from duologue.cluster_status import BatcherStatus, NodeStatus
from duologue.grants import KeyTerms
from duologue.service_settings import StoreSettings
from duologue.session.transcript import Entry, Role
from duologue.session_record import SessionRecord, SessionStatus
from duologue.tenants import Tenant
from duologue.usage import DailyUsage
from duologue.v1 import admin_pb2, events_pb2
from duologue.v1 import conversation_pb2 as pb
from duologue.wire.notices import usage_to_pb

_STATUSES = {
    SessionStatus.NEW: pb.SESSION_STATUS_NEW,
    SessionStatus.LIVE: pb.SESSION_STATUS_LIVE,
    SessionStatus.ASLEEP: pb.SESSION_STATUS_ASLEEP,
    SessionStatus.CLOSED: pb.SESSION_STATUS_CLOSED,
}
_ROLES = {
    Role.USER: pb.ROLE_USER,
    Role.ASSISTANT: pb.ROLE_ASSISTANT,
    Role.SYSTEM: pb.ROLE_SYSTEM,
    Role.TOOL: pb.ROLE_TOOL,
}


def session_to_pb(record: SessionRecord, settings: StoreSettings) -> pb.Session:
    """A session; its token and its digest stay here."""
    session = pb.Session(
        session_id=record.session_id,
        tenant_id=record.tenant_id,
        status=_STATUSES[record.status],
        config=events_pb2.SessionConfig.FromString(record.config),
        created_at=_timestamp(record.created_ms),
        active_at=_timestamp(record.active_ms or record.created_ms),
        epoch=record.epoch,
        usage=usage_to_pb(record.usage),
        node_id=record.node_id,
    )
    session.time_to_live.FromSeconds(settings.session_ttl_s)
    return session


def listed_to_pb(record: SessionRecord, settings: StoreSettings) -> pb.Session:
    """The same in a list: without prompt, history and tools, which may be long and are rarely
    wanted there."""
    session = session_to_pb(record, settings)
    session.config.ClearField("system_prompt")
    session.config.ClearField("history")
    session.config.ClearField("tools")
    return session


def transcript_entry_to_pb(entry: Entry) -> pb.TranscriptEntry:
    return pb.TranscriptEntry(
        role=_ROLES[entry.role],
        text=entry.text,
        outcome=entry.outcome,
        response_id=entry.response_id,
    )


def node_to_pb(node: NodeStatus) -> admin_pb2.Node:
    return admin_pb2.Node(
        node_id=node.node_id,
        address=node.address,
        sessions=node.sessions,
        max_sessions=node.max_sessions,
        warm_actors=node.warm_actors,
        is_draining=node.is_draining,
    )


def batcher_to_pb(batcher: BatcherStatus) -> admin_pb2.Batcher:
    return admin_pb2.Batcher(
        batcher_id=batcher.batcher_id,
        address=batcher.address,
        node_id=batcher.node_id,
        sessions=batcher.sessions,
        max_sessions=batcher.max_sessions,
        shedding=batcher.shedding,
        late_tick_share=batcher.late_tick_share,
        model=batcher.model,
        is_draining=batcher.is_draining,
        is_healthy=batcher.is_healthy,
        tick_ms=batcher.tick_ms,
        longest_tick_ms=batcher.longest_tick_ms,
        deadline_ms=batcher.deadline_ms,
        rows_per_forward=batcher.rows_per_forward,
        held_cells=batcher.held_cells,
        max_cells=batcher.max_cells,
    )


def tenant_to_pb(tenant: Tenant, terms: Mapping[str, KeyTerms] | None = None) -> admin_pb2.Tenant:
    """A tenant; with the terms of its keys, where they are known."""
    keys = [
        key_to_pb(key_id, terms[key_id]) for key_id in tenant.key_ids if terms and key_id in terms
    ]
    return admin_pb2.Tenant(
        tenant_id=tenant.tenant_id,
        max_sessions=tenant.max_sessions,
        opens_per_minute=tenant.opens_per_minute,
        input_chars_per_minute=tenant.input_chars_per_minute,
        output_tokens_per_minute=tenant.output_tokens_per_minute,
        max_cells=tenant.max_cells,
        priority=tenant.priority,
        records_text=tenant.records_text,
        is_operator=tenant.is_operator,
        weight=tenant.weight,
        key_ids=tenant.key_ids,
        keys=keys,
    )


def key_to_pb(key_id: str, terms: KeyTerms) -> admin_pb2.ApiKey:
    """How far a key goes."""
    key = admin_pb2.ApiKey(key_id=key_id, scopes=sorted(terms.scopes))
    if terms.expires_ms is not None:
        key.expires_at.CopyFrom(_timestamp(terms.expires_ms))
    return key


def day_to_pb(day: DailyUsage) -> admin_pb2.DailyUsage:
    return admin_pb2.DailyUsage(
        tenant_id=day.tenant_id,
        day=day.day.isoformat(),
        sessions=day.sessions,
        usage=usage_to_pb(day.usage),
    )


def tenant_from_pb(message: admin_pb2.Tenant) -> Tenant:
    """Raises InvalidInput naming the field."""
    return Tenant(
        tenant_id=message.tenant_id,
        max_sessions=message.max_sessions,
        opens_per_minute=message.opens_per_minute,
        input_chars_per_minute=message.input_chars_per_minute,
        output_tokens_per_minute=message.output_tokens_per_minute,
        max_cells=message.max_cells,
        priority=message.priority,
        records_text=message.records_text,
        is_operator=message.is_operator,
        weight=message.weight or 1.0,
    )


def _timestamp(ms: int) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromMilliseconds(ms)
    return timestamp
