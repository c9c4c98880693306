"""What is told of the conversations that pass by: metrics, and one span for each opening."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from duologue.clock import Clock
from duologue.cluster_status import NodeStatus
from duologue.errors import InvalidInput
from duologue.gateway.errors import REASONS, Refusal
from duologue.gateway.reply_times import ReplyClock, ReplyTimes
from duologue.telemetry import names
from duologue.telemetry.conversation_meter import ConversationMeter
from duologue.telemetry.metrics import GatewayMetrics
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.trace_ids import exemplar
from duologue.telemetry.tracing import Attributes, Tracing
from duologue.usage import Usage
from duologue.v1 import events_pb2 as pb
from duologue.wire.enums import END_REASONS, STATES, Codes
from duologue.wire.notices import usage_from_pb

_NOTHING = Usage()
_M = TypeVar("_M")
_N = TypeVar("_N", bound=int)


@dataclass(frozen=True, slots=True)
class Watcher:
    """One per gateway. Without tracing there are metrics only."""

    clock: Clock
    """Unix milliseconds."""
    tracing: Tracing | None = None
    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)

    def begin(self) -> None:
        """Show all refusals as 0: a count that appears as 1 is no increase to Prometheus."""
        for labels in REASONS:
            self.metrics.rejections.labels(*labels)

    def refused(self, tenant_id: str, refusal: Refusal) -> None:
        """A call is refused; nobody's, if no valid key came with it."""
        self.metrics.rejections.labels(refusal.code.name, refusal.reason).inc()
        if tenant_id:
            self.metrics.tenants.refused(tenant_id, refusal.reason)

    def store_checked(self, nodes: Sequence[NodeStatus] | None, took_ms: float) -> None:
        """The store told of the cluster's nodes, or did not answer."""
        metrics = self.metrics
        metrics.store_check.observe(took_ms / 1e3)
        if nodes is None:
            metrics.store_check_failures.inc()
            return
        open_ = [node for node in nodes if not node.is_draining]
        num_full = sum(not node.room for node in open_)
        metrics.nodes.labels("open").set(len(open_) - num_full)
        metrics.nodes.labels("full").set(num_full)
        metrics.nodes.labels("draining").set(len(nodes) - len(open_))
        metrics.live_sessions.set(sum(node.sessions for node in nodes))
        places = (node.sessions if node.is_draining else node.max_sessions for node in nodes)
        metrics.live_sessions_limit.set(sum(places))

    def conversation(
        self,
        tenant_id: str,
        session_id: str,
        *,
        is_resumed: bool,
        began_ms: float,
        usage_before: Usage = _NOTHING,
    ) -> "ConnectionWatch":
        """Of one connection, from its first request on."""
        return ConnectionWatch(self, tenant_id, session_id, is_resumed, began_ms, usage_before)


class ConnectionWatch:
    """One client's connection to its session."""

    def __init__(
        self,
        watcher: Watcher,
        tenant_id: str,
        session_id: str,
        is_resumed: bool,
        began_ms: float,
        usage_before: Usage = _NOTHING,
    ) -> None:
        self._used = usage_before
        self._watcher = watcher
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._is_resumed = is_resumed
        self._began_ms = began_ms
        self._is_open = False
        tracing = watcher.tracing
        context = tracing.context_of(session_id) if tracing is not None else None
        self._exemplar = exemplar(context)
        self._meter = ConversationMeter(watcher.metrics, self._exemplar)
        self._replies = ReplyClock() if context is not None else None
        self._epoch = 0

    @property
    def traceparent(self) -> str:
        """Where the session's trace goes on; empty when it is not traced."""
        trace = self._trace(0)
        return "" if trace is None else trace.traceparent

    def opened(self, epoch: int) -> None:
        """The session is ready."""
        self._is_open, self._epoch = True, epoch
        now_ms = self._watcher.clock.now_ms()
        kind = "resume" if self._is_resumed else "new"
        took_s = (now_ms - self._began_ms) / 1e3
        self._watcher.metrics.open_seconds.labels(kind).observe(took_s, self._exemplar)
        self._record(epoch, now_ms, None)

    def failed(self, error: Exception) -> None:
        """The stream ends with an error; of interest here if it was never ready."""
        if not self._is_open:
            self._record(0, self._watcher.clock.now_ms(), type(error).__name__)

    def moved(self, epoch: int) -> None:
        """Another actor has the session, under an open conversation."""
        self._epoch = epoch
        self._watcher.metrics.moves.inc()

    def said(self, event: pb.ClientEvent) -> None:
        """A client event goes to the session."""
        kind, now_ms = str(event.WhichOneof("event")), self._watcher.clock.now_ms()
        self._meter.said(kind, now_ms)
        if self._replies is not None:
            self._replies.said(kind, event.client_seq, now_ms)

    def sent(self, event: pb.ClientEvent) -> None:
        """It was written to the session's actor."""
        if self._replies is not None:
            self._replies.sent(event.client_seq, self._watcher.clock.now_ms())

    def came(self, event: pb.ServerEvent) -> None:
        """An event came from the session's actor."""
        if self._replies is not None:
            now_ms = self._watcher.clock.now_ms()
            self._replies.came(str(event.WhichOneof("event")), _response_id(event), now_ms)

    def told(self, event: pb.ServerEvent) -> None:
        """An event was written to the client."""
        kind, detail = str(event.WhichOneof("event")), ""
        if kind == "input_state":
            detail = _name(STATES, event.input_state.state)
        elif kind == "response_done":
            detail = _name(END_REASONS, event.response_done.reason)
        elif kind == "usage":
            self._count(usage_from_pb(event.usage))
        elif kind == "quota_reached":
            self._watcher.metrics.tenants.waits(self._tenant_id)
        now_ms = self._watcher.clock.now_ms()
        self._meter.told(kind, now_ms, detail)
        if self._replies is not None:
            times = self._replies.told(kind, _response_id(event), now_ms)
            if times is not None:
                self._replied(times)

    def _replied(self, times: ReplyTimes) -> None:
        trace = self._trace(self._epoch)
        if trace is not None:
            told: Attributes = {
                names.RESPONSE_ID: times.response_id,
                names.RELAY_IN_MS: times.sent_ms - times.said_ms,
                names.RELAY_OUT_MS: times.told_ms - times.came_ms,
            }
            trace.record(names.RELAY_REPLY, times.said_ms, times.told_ms, told)

    def _count(self, used: Usage) -> None:
        """What the session has used by now, all of its life together."""
        before, self._used = self._used, used
        heard = max(0, used.input_tokens - before.input_tokens)
        said = max(0, used.output_tokens - before.output_tokens)
        self._watcher.metrics.tenants.used(self._tenant_id, heard, said)

    def _trace(self, epoch: int) -> SessionTrace | None:
        tracing = self._watcher.tracing
        if tracing is None:
            return None
        return SessionTrace(tracing, self._session_id, self._tenant_id, epoch)

    def _record(self, epoch: int, now_ms: float, error: str | None) -> None:
        trace = self._trace(epoch)
        if trace is not None:
            resumed = {names.IS_RESUMED: self._is_resumed}
            trace.record(names.SESSION_OPEN, self._began_ms, now_ms, resumed, error=error)


def _response_id(event: pb.ServerEvent) -> int:
    """Of those events that begin a reply or go on with it; 0 of others."""
    if event.HasField("response_started"):
        return event.response_started.response_id
    return event.response_delta.response_id if event.HasField("response_delta") else 0


def _name(codes: Codes[_M, _N], number: int) -> str:
    """For a label: what another version says must not end a conversation."""
    try:
        return str(codes.member("", number))
    except InvalidInput:
        return "unknown"
