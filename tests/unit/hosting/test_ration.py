"""A tenant's reply tokens come in portions. Without any a reply waits, and nothing else does."""

from hypothesis import given
from hypothesis import strategies as st

from duologue.events import InputState, ResponseDone
from duologue.hosting.actions import EndOfHosting
from duologue.hosting.ration import Ration
from duologue.notices import QuotaReached
from duologue.service_settings import SessionSettings
from tests.unit.hosting.scene import WAIT_MS, Scene
from tests.unit.session.stage import Setting

LONG = Setting(replies=("one two three four five six seven eight nine ten " * 4,))


def _waiting() -> Scene:
    """A reply that has stopped in the middle."""
    scene = Scene(LONG, tokens=10)
    scene.attach()
    scene.say("tell me?")
    scene.run_ticks(20)
    return scene


def _reached(scene: Scene) -> list[QuotaReached]:
    return [notice for notice in scene.notices if isinstance(notice, QuotaReached)]


def test_a_reply_waits_for_tokens_says_so_once_and_goes_on_by_itself() -> None:
    scene = _waiting()
    said = scene.text()
    assert said
    whole = LONG.replies[0]
    assert isinstance(whole, str)
    assert whole.startswith(said)
    assert said != whole
    (notice,) = _reached(scene)
    assert notice.quota == "output_tokens"
    assert 0 < notice.retry_after_ms <= WAIT_MS
    num_slices = len(scene.slices)
    scene.run(3 * WAIT_MS)
    assert len(scene.slices) == num_slices, "what cannot speak asks for no slice"
    assert scene.num_refusals >= 3
    assert len(_reached(scene)) == 1
    scene.tokens = 10_000
    scene.run(WAIT_MS)
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]
    assert any(isinstance(event, ResponseDone) for event in scene.events)


def test_no_more_is_said_than_was_given() -> None:
    scene = _waiting()
    assert scene.host.chronicle.usage.output_tokens <= 10


def test_the_user_is_heard_meanwhile() -> None:
    scene = _waiting()
    said = scene.text()
    scene.say("mhm", "b")
    scene.run_ticks(3)
    heard = [event.text for event in scene.events if isinstance(event, InputState)]
    assert heard[-1] == "mhm"
    assert scene.text() == said


def test_a_session_that_waits_for_tokens_does_not_fall_asleep() -> None:
    scene = Scene(LONG, tokens=10, sessions=SessionSettings(sleep_after_ms=1_000))
    scene.attach()
    scene.say("tell me?")
    scene.run(60_000)
    assert scene.is_held
    scene.tokens = 10_000
    scene.run(120_000)
    assert scene.text() == LONG.replies[0]
    assert scene.ending is EndOfHosting.ASLEEP


def test_what_is_silent_asks_for_nothing() -> None:
    scene = Scene(LONG, tokens=0)
    scene.attach()
    scene.run(10_000)
    assert scene.num_refusals == 0


def test_it_goes_on_elsewhere_with_what_was_said() -> None:
    scene = _waiting()
    scene.tokens = 10_000
    scene.bind()
    scene.attach()
    scene.run_ticks(400)
    assert scene.text() == LONG.replies[0]


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("spend"), st.integers(0, 50)),
            st.tuples(st.just("grant"), st.integers(1, 50)),
            st.tuples(st.just("refuse"), st.integers(0, 10_000)),
        )
    )
)
def test_one_portion_is_on_its_way_at_most(steps: list[tuple[str, int]]) -> None:
    ration, given_tokens, spent, now_ms = Ration(0), 0, 0, 0.0
    for what, amount in steps:
        now_ms += 10.0
        if ration.is_due(now_ms):
            ration.asks()
            assert not ration.is_due(now_ms)
        if what == "spend":
            amount = min(amount, ration.left_tokens)
            ration.spend(amount)
            spent += amount
        elif ration.is_asked and what == "grant":
            ration.grant(amount)
            given_tokens += amount
        elif ration.is_asked:
            ration.refuse(amount, now_ms)
            assert not ration.is_due(now_ms + 49)
            assert ration.is_due(now_ms + 60_000) or ration.left_tokens > 0
        assert ration.left_tokens == given_tokens - spent >= 0
