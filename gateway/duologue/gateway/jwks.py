"""An issuer's keys, kept at hand: read again when they change, and when one is not known."""

import asyncio
import logging

from duologue.clock import Clock
from duologue.errors import InvalidSetting
from duologue.gateway.errors import IssuerUnavailable
from duologue.gateway.jwks_source import WITHIN_S, JwksSource
from duologue.gateway.verifying_keys import VerifyingKey, read_keys

UNKNOWN_EVERY_MS = 10_000
"""A key that is not known is asked for no more often, whoever sends how many tokens."""
KEPT_MS = 86_400_000
"""Keys are good for so long after they were read, while their issuer does not answer."""
WATCH_S = 1.0
_READ_S = 2 * WITHIN_S

log = logging.getLogger(__name__)


class KeySet:
    """The keys of one issuer. Reading them blocks no loop, and goes on once at a time."""

    def __init__(self, source: JwksSource, clock: Clock, refresh_ms: float, where: str) -> None:
        """`where` is what they are read from, for people."""
        self._source = source
        self._clock = clock
        self._refresh_ms = refresh_ms
        self._where = where
        self._keys: tuple[VerifyingKey, ...] = ()
        self._stamp: object = None
        self._read_ms: float | None = None
        self._tried_ms: float | None = None
        self._lock = asyncio.Lock()

    async def start(self, *, must_be_there: bool) -> None:
        """Read them for the first time; raises InvalidSetting if that fails and must not."""
        problem = await self._read()
        if problem and must_be_there:
            raise InvalidSetting(f"must be a JWKS document: {problem}", field="jwt.jwks")

    async def watch_once(self) -> None:
        """Read them again if they have changed, or if it is time."""
        stamp = await self._stamp_now()
        if stamp is not None:
            if stamp != self._stamp:
                await self._read()
        elif self._tried_ms is None or self._clock.now_ms() >= self._tried_ms + self._pause_ms:
            await self._read()

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        """The key of that name that can check such a signature, or without a name the only one.

        Raises IssuerUnavailable while there are none at hand.
        """
        found = self._match(kid, algorithm)
        if found is None and (kid is not None or not self._keys):
            await self._read_for_unknown()
            found = self._match(kid, algorithm)
        if found is None and not self._are_good:
            raise IssuerUnavailable("the keys that tokens are checked with are not at hand")
        return found

    @property
    def _are_good(self) -> bool:
        return self._read_ms is not None and self._clock.now_ms() < self._read_ms + KEPT_MS

    @property
    def _pause_ms(self) -> float:
        """Until they are to be read again: soon, after a failure."""
        is_well = self._read_ms is not None and self._read_ms == self._tried_ms
        return self._refresh_ms if is_well else min(self._refresh_ms, UNKNOWN_EVERY_MS)

    def _match(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        if not self._are_good:
            return None
        fitting = [
            each
            for each in self._keys
            if algorithm in each.algorithms and (kid is None or each.kid == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    async def _read_for_unknown(self) -> None:
        if self._lock.locked():  # somebody reads them already
            async with self._lock:
                return
        now_ms = self._clock.now_ms()
        if self._tried_ms is None or now_ms >= self._tried_ms + UNKNOWN_EVERY_MS:
            await self._read()

    async def _read(self) -> str:
        """Returns why it failed, and leaves what is known as it is then."""
        async with self._lock:
            self._tried_ms = self._clock.now_ms()
            stamp = await self._stamp_now()
            try:
                async with asyncio.timeout(_READ_S):  # also where an answer has no end
                    keys = read_keys(await asyncio.to_thread(self._source.read))
            except (OSError, ValueError) as error:
                log.warning("keys for tokens cannot be read from %s: %s", self._where, error)
                self._stamp = stamp  # not again before it has changed
                return str(error) or type(error).__name__
            self._keys, self._stamp, self._read_ms = keys, stamp, self._tried_ms
            log.info("%d keys for tokens were read from %s", len(keys), self._where)
            return ""

    async def _stamp_now(self) -> object:
        try:
            return await asyncio.to_thread(self._source.stamp)
        except OSError:
            return "gone"
