"""What the gateway itself tells a client about its connection."""

from dataclasses import dataclass

from duologue.clock import Clock, TickClock
from duologue.gateway.inner_places import without_places
from duologue.notices import GoAway, Notice, NoticeEvent, Queued, SessionMoved, SessionReady
from duologue.v1 import events_pb2 as pb
from duologue.v1 import session_pb2
from duologue.wire.notices import notice_to_pb


@dataclass(frozen=True, slots=True)
class NoticeDater:
    """Dates notices by the shared clock (Unix milliseconds)."""

    clock: Clock
    tick_ms: int

    def ready(
        self, session_id: str, resume_token: str, welcome: session_pb2.Welcome
    ) -> pb.ServerEvent:
        ready = SessionReady(
            session_id=session_id,
            resume_token=resume_token,
            tick_ms=self.tick_ms,
            last_client_seq=welcome.last_client_seq,
            last_server_seq=welcome.last_server_seq,
            strategy=welcome.strategy,
        )
        return self._dated(ready, welcome.epoch, welcome.last_client_seq)

    def moved(self, reason: str, welcome: session_pb2.Welcome) -> pb.ServerEvent:
        return self._dated(
            SessionMoved(without_places(reason)), welcome.epoch, welcome.last_client_seq
        )

    def queued(self, position: int) -> pb.ServerEvent:
        return self._dated(Queued(position))

    def go_away(self, time_left_ms: int) -> pb.ServerEvent:
        return self._dated(GoAway(time_left_ms))

    def _dated(self, event: NoticeEvent, epoch: int = 0, client_seq: int = 0) -> pb.ServerEvent:
        tick = TickClock(0, self.tick_ms).tick_at(self.clock.now_ms())
        return notice_to_pb(Notice(tick, epoch, event), client_seq)
