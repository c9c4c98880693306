"""A tenant takes back that its texts may be in traces: its live sessions follow."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from duologue.actors import live_session, text_permission
from duologue.actors.text_permission import TenantOf, mind_texts
from duologue.events import ResponseDone, SessionClose, SessionClosed
from duologue.telemetry import names
from duologue.telemetry.session_spans import SessionSpans
from duologue.tenants import Tenant
from tests.actors.premises import TENANT, Premises, come
from tests.unit.telemetry.traced import Memory
from tests.waiting import waiting_for


async def test_texts_are_recorded_until_it_is_withdrawn(
    premises: Premises, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdrawn = asyncio.Event()

    async def watched(spans: SessionSpans, tenant_of: TenantOf, tenant_id: str) -> None:
        await mind_texts(spans, tenant_of, tenant_id)
        withdrawn.set()

    monkeypatch.setattr(text_permission, "ASK_EVERY_S", 0.001)
    monkeypatch.setattr(live_session, "mind_texts", watched)
    memory = Memory()
    await premises.store.put_tenant(Tenant(TENANT, records_text=True))
    server = await premises.server(tracing=memory.tracing)
    guest, _ = await come(premises, server, stack)
    await guest.say("what is allowed?")
    await guest.until_event(ResponseDone)
    await guest.say("what is meant?")
    await guest.until_event(ResponseDone, 2)
    assert not withdrawn.is_set()
    await premises.store.put_tenant(Tenant(TENANT, records_text=False))
    async with waiting_for("the end of the permission"):
        await withdrawn.wait()
    await guest.say("what is secret?")
    await guest.until_event(ResponseDone, 3)
    await guest.send(SessionClose())
    await guest.until_event(SessionClosed)
    told = "".join(span.to_json() for span in memory.spans())
    assert "what is allowed?" in told
    assert "what is secret?" not in told
    first, *_ = memory.spans(names.TURN)
    assert first.attributes is not None
    assert names.DECISION_THRESHOLD in first.attributes, "what the session was opened with"
    assert names.CONFIRM_ABOVE in first.attributes
