"""Keys are asked for at the store once in a few seconds, and only their digests are kept."""

import pytest

from duologue.clock import ManualClock
from duologue.gateway.errors import NotAuthenticated
from duologue.gateway.keys import REMEMBERED_MS, KeyRing, caller
from duologue.grants import Grant
from duologue.tenants import Tenant

KEY = "duo_1_secret"


class Register:
    """A store's keys."""

    def __init__(self) -> None:
        self.grants = {KEY: Grant(Tenant("acme"))}
        self.asked: list[str] = []

    async def grant_of(self, key: str) -> Grant | None:
        self.asked.append(key)
        return self.grants.get(key)


def _metadata(*values: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "test"), *(("authorization", value) for value in values)]


async def test_the_store_is_asked_once_in_a_while() -> None:
    register, clock = Register(), ManualClock()
    keys = KeyRing(register.grant_of, clock)
    for _ in range(3):
        assert (await keys.admit(_metadata(f"Bearer {KEY}"))).tenant.tenant_id == "acme"
    assert caller().tenant_id == "acme"
    assert register.asked == [KEY]
    register.grants.clear()
    clock.advance(REMEMBERED_MS)
    with pytest.raises(NotAuthenticated):
        await keys.admit(_metadata(f"Bearer {KEY}"))
    assert register.asked == [KEY, KEY]


async def test_a_wrong_key_is_remembered_too() -> None:
    register = Register()
    keys = KeyRing(register.grant_of, ManualClock())
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            await keys.admit(_metadata("Bearer wrong"))
    assert register.asked == ["wrong"]


async def test_what_is_kept_is_no_key() -> None:
    keys = KeyRing(Register().grant_of, ManualClock())
    await keys.admit(_metadata(f"bearer  {KEY}"))
    assert KEY not in repr(vars(keys))


@pytest.mark.parametrize(
    "values", [(), ("",), ("Bearer",), ("Bearer  ",), (f"Basic {KEY}",), (KEY,), ("Bearer a",) * 2]
)
async def test_what_is_no_bearer_of_one_key(values: tuple[str, ...]) -> None:
    register = Register()
    with pytest.raises(NotAuthenticated):
        await KeyRing(register.grant_of, ManualClock()).admit(_metadata(*values))
    assert register.asked == []
