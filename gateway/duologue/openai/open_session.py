"""Which session a call holds open, by what its client is told."""

from duologue.v1 import events_pb2 as pb


class OpenSession:
    """Known from the moment at which it can be talked to, until it is closed."""

    def __init__(self) -> None:
        self.session_id: str | None = None

    def told(self, event: pb.ServerEvent) -> None:
        match event.WhichOneof("event"):
            case "session_ready":
                self.session_id = event.session_ready.session_id
            case "session_closed":
                self.session_id = None
