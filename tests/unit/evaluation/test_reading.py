"""States are read exactly as the engine reads them in a conversation, and as heads are trained."""

from collections.abc import Sequence

import pytest
import torch

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.errors import InvalidInput
from duologue.evaluation.forced import ForcedHead
from duologue.evaluation.reading import MAX_AT_ONCE, read_states
from duologue.evaluation.rows import Row
from duologue.evaluation.trunk import trunk_tokens, with_past
from duologue.events import Envelope, InputAppend, InputState
from duologue.forward.state_head import StateHead
from duologue.lane.lane import Lane
from duologue.lane.steps import Conclude, EndReason, Finish, Hear, Promote, Promotion, Say, Step
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import LocalRuntime
from duologue.states import State
from duologue.training.features import read_features
from duologue.training.layout import Layout
from duologue.training.sample import Sample, Turn

QUESTION = Turn("user", "what is the capital of france")
REPLY = Turn("assistant", "It is Paris.")
SAMPLES = [
    Sample("how far is it", State.QUERY),
    Sample("uh-huh", State.NON_QUERY, context=(QUESTION,), speaking=True),
    Sample("and the train from", State.INCOMPLETE, context=(QUESTION, REPLY)),
    Sample("be quiet", State.HOLD, context=(REPLY, QUESTION, REPLY)),
    Sample("the train", State.NON_QUERY, context=(QUESTION, QUESTION, REPLY)),
]
ROWS = [Row(number, sample) for number, sample in enumerate(SAMPLES, start=1)]


def head_of(assembly: Assembly) -> StateHead:
    assert assembly.head is not None
    return assembly.head


def read(assembly: Assembly, rows: Sequence[Row]) -> torch.Tensor:
    labels = head_of(assembly).labels
    judgements = read_states(assembly.engine, assembly.setup, rows)
    return torch.tensor([[each.probabilities[label] for label in labels] for each in judgements])


def test_past_is_laid_out_as_the_lane_does(assembly: Assembly) -> None:
    setup, encode = assembly.setup, assembly.setup.tokenizer.encode
    steps: list[Step] = []
    for _ in range(2):
        reply = tuple(encode(REPLY.text))
        steps += [Hear(0, tuple(encode(QUESTION.text))), Promote(Promotion.REBASE), Say(reply)]
        steps += [Finish(EndReason.STOP), Conclude(len(reply))]
    lane = Lane.replay(setup.chat, setup.opening, steps)
    past = (QUESTION, REPLY) * 2
    assert list(trunk_tokens(setup, past)) == lane.trunk.tokens
    assert list(with_past(setup, past).opening) == lane.trunk.tokens
    assert with_past(setup, ()).opening == setup.opening


def test_equal_to_what_heads_are_trained_on(assembly: Assembly) -> None:
    model, head = assembly.model, head_of(assembly)
    layout = Layout(model.chat, model.tokenizer)
    prompt = assembly.setup.decoding.system_prompt
    tokens = [layout.tokens(sample, prompt) for sample in SAMPLES]
    # The plain forward of training, in the attention of transformers.
    network = model.network
    network.set_attn_implementation("eager")
    try:
        features = read_features(network, tokens, head.layers)
    finally:
        network.set_attn_implementation("duologue")
    torch.testing.assert_close(
        read(assembly, ROWS), head.probabilities(features), rtol=1e-4, atol=1e-6
    )


def test_equal_to_what_a_session_is_told_while_it_speaks(assembly: Assembly) -> None:
    head, told = ForcedHead(head_of(assembly)), list[InputState]()

    def listen(session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        told.extend(each.event for each in envelopes if isinstance(each.event, InputState))

    clock = ManualClock()
    engine = Engine(assembly.model, head.as_head)
    runtime = LocalRuntime(engine, clock, tick_ms=160.0, listener=listen)
    session = runtime.open("s", assembly.setup)
    head.state = State.QUERY
    runtime.send("s", InputAppend("question", QUESTION.text))
    runtime.run_tick()
    clock.advance(160.0)
    head.state = None
    assert session.lane.is_speaking
    runtime.send("s", InputAppend("next", "uh-huh"))
    runtime.run_tick()
    judgement = read_states(assembly.engine, assembly.setup, [ROWS[1]])[0]
    assert told[-1].text == "uh-huh"
    assert told[-1].state is judgement.state
    assert told[-1].probabilities == pytest.approx(judgement.probabilities, rel=1e-4)


@pytest.mark.parametrize(
    "text", ["how far is it ", "how far is it,", "[noise] how far is it", "HOW FAR IS IT"]
)
def test_a_text_is_read_without_what_a_session_leaves_out(assembly: Assembly, text: str) -> None:
    judged, plain = (
        read_states(assembly.engine, assembly.setup, [Row(1, Sample(each, State.QUERY))])[0]
        for each in (text, "how far is it")
    )
    # The first reading computes the prompt too, in other company: sums are rounded otherwise.
    assert judged.state is plain.state
    assert judged.probabilities == pytest.approx(plain.probabilities, rel=1e-4)


def test_a_session_leaves_out_the_same(assembly: Assembly) -> None:
    clock = ManualClock()
    runtime = LocalRuntime(Engine(assembly.model, assembly.head), clock, tick_ms=160.0)
    lanes = [runtime.open(name, assembly.setup).lane for name in ("plain", "marked")]
    runtime.send("plain", InputAppend("a", "how far is it"))
    runtime.send("marked", InputAppend("a", "[noise] HOW FAR IS IT, "))
    runtime.run_tick()
    plain, marked = ([*lane.trunk.tokens, *lane.input.tokens] for lane in lanes)
    assert plain == marked


def test_rows_do_not_depend_on_each_other_and_keep_their_order(assembly: Assembly) -> None:
    many = ROWS * (MAX_AT_ONCE // 2)
    advanced: list[int] = []
    judgements = read_states(assembly.engine, assembly.setup, many, advanced.append)
    assert sum(advanced) == len(many)
    alone = [read_states(assembly.engine, assembly.setup, [row])[0] for row in ROWS]
    for place, judgement in enumerate(judgements):
        expected = alone[place % len(ROWS)]
        assert judgement.state is expected.state
        assert judgement.probabilities == pytest.approx(expected.probabilities, rel=1e-4)
    assert assembly.engine.num_sessions == 0


def test_what_exceeds_the_context_is_named(assembly: Assembly) -> None:
    long = Row(7, Sample("train " * 600, State.NON_QUERY))
    with pytest.raises(InvalidInput, match="line 7: the utterance has"):
        read_states(assembly.engine, assembly.setup, [ROWS[0], long])
    assert assembly.engine.num_sessions == 0, "the engine is left as it was"
