"""What goes between a session and the batching actor at which it sits."""

from dataclasses import dataclass

from duologue.batching.load_plan import Load
from duologue.cluster_status import Shedding
from duologue.errors import DuologueError
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import SliceResult
from duologue.lane.state import LaneState
from duologue.strategies.base import Strategy
from duologue.strategies.registry import strategy_named
from duologue.tenants import check_weight
from duologue.v1 import batching_pb2 as pb
from duologue.wire.enums import Codes
from duologue.wire.errors import error_to_pb
from duologue.wire.fields import UINT64, name, refuse, whole
from duologue.wire.lanes import (
    lane_state_from_pb,
    lane_state_to_pb,
    profile_from_pb,
    profile_to_pb,
)
from duologue.wire.slices import result_to_pb

MAX_TRACEPARENT_CHARS = 256

SHEDDINGS = Codes(
    {
        Shedding.NONE: pb.SHEDDING_NONE,
        Shedding.LOOK_AHEAD: pb.SHEDDING_LOOK_AHEAD,
        Shedding.REPLY_TOKENS: pb.SHEDDING_REPLY_TOKENS,
        Shedding.ADMISSION: pb.SHEDDING_ADMISSION,
    }
)


@dataclass(frozen=True, slots=True)
class SeatRequest:
    """Who wants a seat, and with what."""

    tenant_id: str
    session_id: str
    epoch: int
    strategy: Strategy
    lane: LaneState
    profile: LaneProfile
    traceparent: str = ""
    """Where the session's trace goes on, in the W3C format; empty for nowhere."""
    max_tenant_cells: int = 0
    """Cells that the tenant's sessions may hold together there; 0 for no limit."""
    weight: float = 1.0
    """Of the tenant's share of the model's time."""

    @property
    def key(self) -> str:
        """Names the session among those of all tenants."""
        return f"{self.tenant_id}/{self.session_id}"


def seat_to_pb(seat: SeatRequest) -> pb.SitRequest:
    take = pb.TakeSeat(
        tenant_id=seat.tenant_id,
        session_id=seat.session_id,
        epoch=seat.epoch,
        strategy=seat.strategy.name,
        lane=lane_state_to_pb(seat.lane),
        profile=profile_to_pb(seat.profile),
        traceparent=seat.traceparent,
        max_tenant_cells=seat.max_tenant_cells,
        weight=seat.weight,
    )
    return pb.SitRequest(take_seat=take)


def seat_from_pb(message: pb.TakeSeat) -> SeatRequest:
    """Raises InvalidInput naming the field and what is allowed."""
    if "/" in message.tenant_id:
        refuse("take_seat.tenant_id", "without '/'", message.tenant_id)
    return SeatRequest(
        tenant_id=name("take_seat.tenant_id", message.tenant_id),
        session_id=name("take_seat.session_id", message.session_id),
        epoch=whole("take_seat.epoch", message.epoch, low=1, high=UINT64),
        strategy=strategy_named(message.strategy),
        lane=lane_state_from_pb(message.lane),
        profile=profile_from_pb(message.profile),
        traceparent=message.traceparent[:MAX_TRACEPARENT_CHARS],
        max_tenant_cells=message.max_tenant_cells,
        weight=check_weight(message.weight or 1.0),
    )


def load_to_pb(load: Load) -> pb.Load:
    return pb.Load(
        shedding=SHEDDINGS.number(load.shedding),
        sessions=load.num_sessions,
        max_reply_tokens=load.max_reply_tokens or 0,
    )


def load_from_pb(message: pb.Load) -> Load:
    """Raises InvalidInput for a shedding that is not known."""
    shedding = SHEDDINGS.member("load.shedding", message.shedding)
    return Load(shedding, message.sessions, message.max_reply_tokens or None)


def seated_to_pb(batcher_id: str, load: Load) -> pb.SitResponse:
    return pb.SitResponse(seated=pb.Seated(batcher_id=batcher_id, load=load_to_pb(load)))


def response_to_pb(response: SliceResult | Load) -> pb.SitResponse:
    if isinstance(response, Load):
        return pb.SitResponse(load=load_to_pb(response))
    return pb.SitResponse(result=result_to_pb(response), took_ms=response.took_ms)


def unseated_to_pb(error: DuologueError) -> pb.SitResponse:
    return pb.SitResponse(unseated=error_to_pb(error))
