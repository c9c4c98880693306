"""Resume tokens: each is good for one resumption, and none is lost with a message that was."""

from duologue.store.part import StorePart, refuse
from duologue.store.scripts import RESUME, SETTLE_TOKEN

DIGEST_BYTES = 32


class ResumeStore(StorePart):
    """Of tokens there are digests only.

    A client holds the last token that arrived. The token that it gives stays good beside the one
    that it gets for it, until that is known to have arrived: since it was used, or the client says
    so (`settle_token`). A message that is lost, or a gateway that dies, takes nobody's token away.
    """

    async def resume(
        self, tenant_id: str, session_id: str, given_digest: bytes, next_digest: bytes
    ) -> int | None:
        """Take a token, and keep the next one; None if it is not good.

        Returns the number of the client's connection, counted from 1 on: the newest has the
        highest. Raises UnknownSession, or SessionOver.
        """
        assert len(given_digest) == len(next_digest) == DIGEST_BYTES
        answer = await self._run(RESUME, tenant_id, session_id, (given_digest, next_digest))
        if answer[0] == b"denied":
            return None
        refuse(answer, tenant_id, session_id)
        return int(answer[1])

    async def settle_token(self, tenant_id: str, session_id: str, digest: bytes) -> None:
        """Its client has this token: those before it, and others beside it, are good no more."""
        assert len(digest) == DIGEST_BYTES
        await self._run(SETTLE_TOKEN, tenant_id, session_id, (digest,))
