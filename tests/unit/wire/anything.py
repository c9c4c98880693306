"""Any message that the platform's processes may have to say to each other."""

from hypothesis import strategies as st

from duologue import errors as tree
from duologue.errors import DuologueError, InvalidInput, InvalidSetting
from duologue.events import (
    AssistantSaid,
    ContextAppend,
    ContextTrimmed,
    Envelope,
    Error,
    InputAppend,
    InputCommit,
    InputRevise,
    InputState,
    Interrupted,
    PlaybackAck,
    ResponseCancel,
    ResponseCreate,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionClose,
    SessionClosed,
    SessionUpdate,
    StateReason,
    ToolCall,
    ToolResult,
)
from duologue.forward.sampling_settings import SamplingSettings
from duologue.history import EarlierTurn
from duologue.lane.judging import Judge, Judgement, JudgingPatience
from duologue.lane.phase import ReplyPhase
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Heard, Slice, SliceResult
from duologue.lane.state import AsideState, LaneState
from duologue.lane.steps import (
    Amend,
    Begin,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Note,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Trim,
)
from duologue.notices import (
    Backpressure,
    GoAway,
    Notice,
    Queued,
    QuotaReached,
    SessionMoved,
    SessionReady,
)
from duologue.session.records import Abandoned, Arrived, Departed, Elapsed, Received
from duologue.session_config import SessionConfig
from duologue.speaker import FOR_CLIENTS, Speaker
from duologue.states import State
from duologue.text.token_edit import TokenEdit
from duologue.tools import TOOL_NAME, Tool
from duologue.usage import Usage

SESSION, EPOCH = "session", 7

counts = st.integers(0, 2**32 - 1)
numbers = st.integers(1, 2**32 - 1)
bigs = st.integers(0, 2**64 - 1)
ticks = st.integers(-(2**63), 2**63 - 1)
tokens = st.lists(counts, max_size=6).map(tuple)
texts = st.text(max_size=30)
names = st.text(min_size=1, max_size=128)
times = st.floats(allow_nan=False, allow_infinity=False)
probabilities = st.dictionaries(st.sampled_from(State), st.floats(0, 1))

speakers = st.sampled_from(Speaker)
wordy = texts.filter(str.strip)
voices = st.sampled_from(FOR_CLIENTS).map(str)
earlier_turns = st.builds(EarlierTurn, voices, wordy)
tool_names = st.from_regex(TOOL_NAME, fullmatch=True)
tools = st.builds(Tool, tool_names, texts) | st.builds(
    Tool, tool_names, texts, st.just('{"type": "object", "required": ["x"]}')
)

configs = st.builds(
    SessionConfig,
    strategy=st.none() | st.sampled_from(["duo", "tdm", "turn", "listen"]),
    system_prompt=st.none() | texts,
    temperature=st.none() | st.just(0.0) | st.floats(0.01, 10),
    top_p=st.none() | st.floats(0.001, 1),
    top_k=st.none() | st.integers(0, 2**31 - 1),
    seed=st.none() | bigs,
    repetition_penalty=st.none() | st.floats(0.1, 10),
    stop_strings=st.none()
    | st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=16).map(tuple),
    max_reply_tokens=st.none() | st.integers(1, 2**20),
    reply_tokens_per_slice=st.none() | st.integers(1, 64),
    reply_tokens_per_second=st.none() | st.just(0.0) | st.floats(0.5, 1000),
    look_ahead_tokens=st.none() | st.integers(0, 64),
    floor=st.none() | st.sampled_from(["confirmed", "eager"]),
    reports_playback=st.none() | st.booleans(),
    labels=st.dictionaries(texts, texts | times | st.booleans(), max_size=16),
    history=st.lists(earlier_turns, max_size=3).map(tuple),
    tools=st.lists(tools, max_size=3, unique_by=lambda tool: tool.name).map(tuple),
)
client_events = st.one_of(
    st.builds(InputAppend, names, texts, st.booleans()),
    st.builds(InputRevise, names, texts, st.booleans()),
    st.just(InputCommit()),
    st.builds(PlaybackAck, numbers, counts),
    st.builds(ResponseCancel, st.none() | numbers),
    st.builds(AssistantSaid, texts, st.none() | numbers, st.booleans(), st.none() | counts),
    st.builds(ContextAppend, voices, texts),
    st.builds(ResponseCreate, texts, texts),
    st.builds(ToolResult, names, texts, st.booleans()),
    st.builds(SessionUpdate, configs),
    st.just(SessionClose()),
)
kinds_of_errors = [
    kind
    for kind in vars(tree).values()
    if isinstance(kind, type) and issubclass(kind, DuologueError) and "code" in vars(kind)
]
"""Those that go by a code of their own."""
codes = [kind.code for kind in kinds_of_errors]
server_events = st.one_of(
    st.builds(
        InputState,
        st.sampled_from(State),
        probabilities,
        texts,
        st.lists(texts).map(tuple),
        counts,
        st.sampled_from(StateReason),
        st.booleans(),
    ),
    st.builds(ResponseStarted, counts),
    st.builds(ResponseDelta, counts, texts),
    st.builds(ResponseDone, counts, st.sampled_from(EndReason)),
    st.builds(Interrupted, counts, counts),
    st.builds(ResponsePaused, counts),
    st.builds(ResponseResumed, counts, counts),
    st.builds(ToolCall, names, counts, names, texts),
    st.builds(ContextTrimmed, counts),
    st.builds(Error, st.sampled_from(codes), texts, texts),
    st.just(SessionClosed()),
)
envelopes = st.builds(Envelope, st.integers(1, 2**64 - 1), ticks, bigs, server_events)
usages = st.builds(Usage, bigs, bigs, bigs, bigs)
notices = st.builds(
    Notice,
    ticks,
    bigs,
    st.one_of(
        st.builds(SessionReady, texts, texts, counts, bigs, bigs, texts),
        usages,
        st.builds(Queued, counts),
        st.builds(Backpressure, counts),
        st.builds(QuotaReached, texts, counts),
        st.builds(SessionMoved, texts),
        st.builds(GoAway, counts),
    ),
)
notes = st.builds(Note, speakers, tokens, st.booleans())
steps = st.one_of(
    st.builds(Hear, counts, tokens),
    st.just(Ignore()),
    st.builds(
        Promote,
        st.sampled_from(Promotion),
        counts,
        tokens,
        st.booleans(),
        st.none() | counts,
        st.booleans(),
        st.lists(notes, max_size=2).map(tuple),
    ),
    st.just(Reopen()),
    st.builds(Amend, counts, tokens),
    notes,
    st.builds(Begin, st.booleans()),
    st.builds(Say, tokens),
    st.builds(Finish, st.sampled_from(EndReason)),
    st.builds(Conclude, counts, tokens),
    st.builds(Trim, counts),
    st.just(Pause()),
    st.builds(Resume, st.booleans()),
)
slices = st.builds(
    Slice,
    session_id=st.just(SESSION),
    epoch=st.just(EPOCH),
    tick=ticks,
    reopens=st.booleans(),
    amends=st.none() | st.builds(Heard, counts, tokens),
    edit=st.none() | st.builds(TokenEdit, counts, tokens),
    patience=st.sampled_from(JudgingPatience),
    heard=st.none() | st.builds(Heard, counts, tokens),
    conclude=st.none() | st.sampled_from(EndReason),
    holds_reply=st.booleans(),
    sets_aside=st.booleans(),
    pauses=st.booleans(),
    settles=st.booleans(),
    begins=st.booleans(),
    keeps=st.booleans(),
    was_query=st.booleans(),
    returns_early=st.booleans(),
    notes=st.lists(notes, max_size=2).map(tuple),
    given=tokens,
    reply_tokens=counts,
    look_ahead_tokens=counts,
)
errors = st.one_of(
    st.builds(lambda kind, text: kind(text), st.sampled_from(kinds_of_errors), texts),
    st.builds(
        lambda kind, text, field: kind(text, field=field),
        st.sampled_from([InvalidInput, InvalidSetting]),
        *(texts, texts),
    ),
)
judgements = st.builds(
    Judgement, st.sampled_from(State), probabilities, counts, st.sampled_from(JudgingPatience)
)
results = st.builds(
    SliceResult,
    session_id=st.just(SESSION),
    epoch=st.just(EPOCH),
    tick=ticks,
    steps=st.lists(steps, max_size=5).map(tuple),
    judgement=st.none() | judgements,
    num_forwards=counts,
    num_rows=counts,
)
records = st.one_of(
    st.builds(Received, st.integers(1, 2**64 - 1), client_events, times, ticks),
    st.builds(Departed, times, ticks),
    st.builds(Arrived, results, times),
    st.builds(Abandoned, times),
    st.builds(Elapsed, times, ticks),
)


@st.composite
def asides(draw: st.DrawFn, num_trunk_tokens: int, num_turns: int) -> AsideState:
    """A reply that was set aside, and of which the trunk keeps a part."""
    start = draw(st.integers(0, num_trunk_tokens))
    num_kept = draw(st.integers(0, num_trunk_tokens - start))
    said = draw(tokens)
    return AsideState(
        number=draw(counts),
        phase=draw(st.sampled_from(ReplyPhase)),
        tokens=said,
        start=start,
        num_joined=draw(st.integers(0, min(num_kept, len(said)))),
        num_kept=num_kept,
        num_notes=draw(st.integers(0, num_turns)),
    )


@st.composite
def lane_states(draw: st.DrawFn) -> LaneState:
    trunk = draw(st.lists(counts, max_size=20))
    opening = draw(st.integers(0, len(trunk)))
    starts = sorted(draw(st.lists(st.integers(opening, len(trunk)), max_size=4)))
    last_turn = len(trunk) - starts[-1] if starts else 0
    return LaneState(
        trunk=tuple(trunk),
        input=draw(tokens),
        output=draw(tokens),
        phase=draw(st.sampled_from(ReplyPhase)),
        num_replies=draw(counts),
        reply_number=draw(counts),
        was_answered=draw(st.booleans()),
        num_opening_tokens=opening,
        turn_starts=tuple(starts),
        num_last_input_tokens=draw(st.integers(0, last_turn)),
        num_utterance_in_trunk=draw(st.integers(0, len(trunk))),
        num_reply_in_trunk=draw(st.integers(0, len(trunk))),
        aside=draw(st.none() | asides(len(trunk), len(starts))),
    )


profiles = st.builds(
    LaneProfile,
    judge=st.builds(
        Judge,
        probabilities.filter(lambda found: bool(set(found) - {State.INCOMPLETE})),
        st.floats(0, 1),
    ),
    stop_tokens=st.frozensets(counts, max_size=4),
    promotion=st.sampled_from(Promotion),
    sampling=st.builds(
        SamplingSettings,
        temperature=st.just(0.0) | st.floats(0.01, 10),
        top_k=st.integers(0, 2**31 - 1),
        top_p=st.floats(0.001, 1),
        repetition_penalty=st.floats(0.1, 10),
        seed=bigs,
    ),
    max_reply_tokens=numbers,
    context_limit_tokens=numbers,
    idle_token=st.none() | counts,
)
