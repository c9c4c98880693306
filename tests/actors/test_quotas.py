"""A tenant's reply tokens and cells, where sessions live and sit."""

from contextlib import AsyncExitStack
from pathlib import Path

from duologue.actors.token_portions import OUTPUT_TOKENS
from duologue.events import ResponseDone
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from tests.actors.premises import TENANT, Premises, come
from tests.waiting import waiting_for


async def test_a_reply_waits_for_its_tenants_tokens_and_goes_on_by_itself(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack)
    await premises.open()
    premises.dictate(State.QUERY)
    await premises.store.put_tenant(Tenant(TENANT, output_tokens_per_minute=60))
    assert await premises.store.allow(TENANT, OUTPUT_TOKENS, 54, 60) == 0
    try:
        guest, _ = await come(premises, await premises.server(), stack)
        await guest.say("what is it?")
        await guest.until(
            lambda: any(each.HasField("quota_reached") for each in guest.notices),
            "word that its tenant has no tokens left",
        )
        (reached,) = (
            each.quota_reached for each in guest.notices if each.HasField("quota_reached")
        )
        assert reached.quota == "output_tokens"
        assert reached.retry_after.ToMilliseconds() > 0
        assert not any(isinstance(event, ResponseDone) for event in guest.events)
        await premises.store.put_tenant(Tenant(TENANT, output_tokens_per_minute=60_000))
        await guest.until_event(ResponseDone)
    finally:
        await premises.store.delete_tenant(TENANT)


async def test_silent_sessions_of_a_tenant_give_their_cells_to_the_next(
    premises: Premises, stack: AsyncExitStack
) -> None:
    await premises.store.put_tenant(Tenant(TENANT, max_cells=CELLS_PER_BLOCK))
    engine = premises.batchers[0].assembly.engine
    try:
        server = await premises.server()
        first, _ = await come(premises, server, stack)
        await first.say("what is it?")
        await first.until_event(ResponseDone)
        assert engine.num_cells_held([f"{TENANT}/{first.session_id}"]) > 0
        # The last slice of its reply may still be under way.
        async with waiting_for("the first one to give its cells to the next"):
            while engine.num_cells_held([f"{TENANT}/{first.session_id}"]):
                second, _ = await come(premises, server, stack)
        await second.say("and this?")
        await second.until_event(ResponseDone)
        assert engine.num_cells_held([f"{TENANT}/{second.session_id}"]) > 0
        await first.say("once more?", "b")
        await first.until_event(ResponseDone, 2)
    finally:
        await premises.store.delete_tenant(TENANT)
