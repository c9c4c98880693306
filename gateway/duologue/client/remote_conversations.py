"""Conversations with a gateway, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.client.client import Client
from duologue.client.conversation import Conversation
from duologue.session.transcript import Entry
from duologue.session_config import SessionConfig
from duologue.talk.conversation import OnQueued


@dataclass(frozen=True, slots=True)
class RemoteConversations:
    """Each begins with the same config."""

    client: Client
    config: SessionConfig

    def begin(self, on_queued: OnQueued) -> Conversation:
        """Raises ClientError where it cannot begin."""
        return self.client.converse(self.config, on_queued=on_queued)

    async def transcript(self, session_id: str) -> Sequence[Entry]:
        return await self.client.transcript(session_id)
