"""A client of the platform: conversations, and what is known of sessions."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from duologue.client.admin import AdminClient
from duologue.client.calls import Calls
from duologue.client.conversation import Conversation
from duologue.client.credentials import Credential, Credentials
from duologue.client.errors import InvalidRequest
from duologue.client.options import ClientOptions, Timing
from duologue.client.routes import Routes
from duologue.errors import InvalidSetting
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_config import SessionConfig
from duologue.trust import trust
from duologue.v1 import conversation_pb2 as pb
from duologue.v1.conversation_pb2_grpc import ConversationServiceStub as Stub
from duologue.wire.sessions import config_to_pb

_ROLES = {
    pb.ROLE_USER: Role.USER,
    pb.ROLE_ASSISTANT: Role.ASSISTANT,
    pb.ROLE_SYSTEM: Role.SYSTEM,
    pb.ROLE_TOOL: Role.TOOL,
}


def connect(
    address: str | Sequence[str],
    *,
    api_key: Credential | None = None,
    tls: str | Path | None = None,
    tls_certificate: str | Path | None = None,
    tls_key: str | Path | None = None,
    options: ClientOptions | None = None,
    timing: Timing | None = None,
) -> "Client":
    """A client of the gateways at `address`; nothing is sent before something is asked of it.

    Several gateways are a list, or separated by commas, in the order of preference. Conversations
    are spread over all gateways behind `dns:///NAME:PORT`. `api_key` may be a token of the identity
    provider that the platform trusts, or a function that gives the present one: conversations go on
    by themselves when a token has expired and there is a new one.
    `tls` is a PEM file with the certificates to trust, or "system"; None speaks without TLS.
    `tls_certificate` and `tls_key` are the caller's own, in PEM files, for gateways that ask for
    one. The files are read again for each new connection.

    Raises InvalidRequest for an address, key or file that cannot be used.
    """
    try:
        trusted = trust(tls, tls_certificate, tls_key)
    except InvalidSetting as error:
        raise InvalidRequest(str(error), "tls") from error
    routes = Routes(address, trusted)
    return Client(routes, api_key, options or ClientOptions(), timing or Timing())


class Client:
    """Of one event loop, the one in which it is first used; elsewhere it raises UsedElsewhere.

    Leaving its block ends the conversations that are still open.
    """

    def __init__(
        self, routes: Routes, api_key: Credential | None, options: ClientOptions, timing: Timing
    ) -> None:
        self._routes = routes
        self._credentials = Credentials(api_key)
        self._options = options
        self._timing = timing
        self._calls = Calls(routes, self._credentials, options.call_within_ms)
        self.admin = AdminClient(self._calls)
        """What operators may ask."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._routes.aclose()

    def converse(
        self,
        config: SessionConfig | None = None,
        *,
        on_queued: Callable[[int], None] | None = None,
    ) -> Conversation:
        """A new conversation, once its block is entered.

        While there is no room, `on_queued` is told how many wait before it.
        """
        start = pb.SessionStart(config=config_to_pb(config or SessionConfig()))
        return self._conversation(pb.ConverseRequest(start=start), on_queued)

    def resume(
        self,
        session_id: str,
        resume_token: str,
        last_server_seq: int = 0,
        *,
        on_queued: Callable[[int], None] | None = None,
    ) -> Conversation:
        """Go on with a session: the events behind the last one that was seen follow."""
        resume = pb.SessionResume(
            session_id=session_id, resume_token=resume_token, last_server_seq=last_server_seq
        )
        return self._conversation(pb.ConverseRequest(resume=resume), on_queued)

    async def create_session(self, config: SessionConfig | None = None) -> tuple[pb.Session, str]:
        """A session that nobody talks to yet, and the token that resumes it."""
        request = pb.CreateSessionRequest(config=config_to_pb(config or SessionConfig()))
        created = await self._calls.call(lambda channel: Stub(channel).CreateSession, request)
        return created.session, created.resume_token

    async def get_session(self, session_id: str) -> pb.Session:
        """What is known of a session; raises SessionNotFound."""
        request = pb.GetSessionRequest(session_id=session_id)
        found = await self._calls.call(lambda channel: Stub(channel).GetSession, request)
        return found.session

    async def list_sessions(self, max_sessions: int = 1_000) -> list[pb.Session]:
        """The tenant's sessions, newest first."""
        found: list[pb.Session] = []
        token = ""
        while len(found) < max_sessions:
            size = min(1_000, max_sessions - len(found))
            request = pb.ListSessionsRequest(page_size=size, page_token=token)
            page = await self._calls.call(lambda channel: Stub(channel).ListSessions, request)
            found += page.sessions
            token = page.next_page_token
            if not token:
                break
        return found

    async def close_session(self, session_id: str) -> None:
        """End a session, whoever is connected to it."""
        request = pb.CloseSessionRequest(session_id=session_id)
        await self._calls.call(lambda channel: Stub(channel).CloseSession, request)

    async def transcript(self, session_id: str) -> list[Entry]:
        """What was said so far, as both sides remember it."""
        found: list[Entry] = []
        token = ""
        while True:
            request = pb.GetTranscriptRequest(session_id=session_id, page_token=token)
            page = await self._calls.call(lambda channel: Stub(channel).GetTranscript, request)
            found += map(_entry, page.entries)
            token = page.next_page_token
            if not token:
                return found

    def _conversation(
        self, opening: pb.ConverseRequest, on_queued: Callable[[int], None] | None
    ) -> Conversation:
        return Conversation(
            self._routes, self._credentials, opening, self._options, self._timing, on_queued
        )


def _entry(entry: pb.TranscriptEntry) -> Entry:
    response_id = entry.response_id if entry.HasField("response_id") else None
    return Entry(_ROLES[entry.role], entry.text, Outcome(entry.outcome), response_id)
