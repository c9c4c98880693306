"""Resume tokens: each is good for one resumption, and none is lost with a message that was."""

from dataclasses import dataclass

from duologue.store.part import StorePart, refuse, usage_of
from duologue.store.scripts import RESUME, SETTLE_TOKEN
from duologue.usage import Usage

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Resumption:
    """A client came back."""

    connection_number: int
    """Counted from 1 on: the newest connection has the highest."""
    usage: Usage
    """What the session had used by then."""


class ResumeStore(StorePart):
    """Of tokens there are digests only.

    A client holds the last token that arrived. The token that it gives stays good beside the one
    that it gets for it, until that is known to have arrived: since it was used, or the client says
    so (`settle_token`). A message that is lost, or a gateway that dies, takes nobody's token away.
    """

    async def resume(
        self, tenant_id: str, session_id: str, given_digest: bytes, next_digest: bytes
    ) -> Resumption | None:
        """Take a token, and keep the next one; None if it is not good.

        Raises UnknownSession, or SessionOver.
        """
        assert len(given_digest) == len(next_digest) == DIGEST_BYTES
        answer = await self._run(RESUME, tenant_id, session_id, (given_digest, next_digest))
        if answer[0] == b"denied":
            return None
        refuse(answer, tenant_id, session_id)
        return Resumption(int(answer[1]), usage_of(answer[2:]))

    async def settle_token(self, tenant_id: str, session_id: str, digest: bytes) -> None:
        """Its client has this token: those before it, and others beside it, are good no more."""
        assert len(digest) == DIGEST_BYTES
        await self._run(SETTLE_TOKEN, tenant_id, session_id, (digest,))
