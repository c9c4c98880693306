"""What a client of the Realtime API says and is told, without any network."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.openai.names import Names
from duologue.openai.realtime_conversation import RealtimeConversation
from duologue.session_config import SessionConfig
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2 as events

USER = {"type": "message", "role": "user"}


class Client:
    """A conversation, and all that its client was told."""

    def __init__(self) -> None:
        self.conversation = RealtimeConversation(Names("t"), "tiny", SessionConfig(), 600)
        self.told: list[dict[str, Any]] = []
        self.asked: list[pb.ConverseRequest] = []

    def send(self, kind: str, **fields: Any) -> Sequence[dict[str, Any]]:
        """What comes back at once."""
        outcome = self.conversation.take(json.dumps({"type": kind, **fields}))
        self.asked.extend(outcome.to_session)
        self.told.extend(outcome.to_client)
        return outcome.to_client

    def say(self, text: str, **more: Any) -> None:
        item = {**USER, "content": [{"type": "input_text", "text": text}], **more}
        self.send("conversation.item.create", item=item)

    def hear(self, **event: Any) -> list[dict[str, Any]]:
        told = self.conversation.told(events.ServerEvent(**event))
        self.told.extend(told)
        return told

    def answered(self, number: int, *texts: str, reason: int = events.END_REASON_STOP) -> None:
        """The session gives a response."""
        self.hear(response_started=events.ResponseStarted(response_id=number))
        for text in texts:
            self.hear(response_delta=events.ResponseDelta(response_id=number, text=text))
        self.hear(response_done=events.ResponseDone(response_id=number, reason=reason))  # type: ignore[arg-type]

    def used(self, heard: int, said: int) -> list[dict[str, Any]]:
        return self.hear(usage=events.Usage(input_tokens=heard, output_tokens=said))

    @property
    def said(self) -> list[events.ClientEvent]:
        return [request.event for request in self.asked if request.HasField("event")]

    @property
    def item_ids(self) -> list[str]:
        """Of the responses."""
        return [e["item"]["id"] for e in self.told if e["type"] == "response.output_item.added"]

    def error(self) -> dict[str, Any]:
        assert self.told[-1]["type"] == "error"
        error: dict[str, Any] = self.told[-1]["error"]
        return error


def test_a_session_begins_with_what_is_said() -> None:
    client = Client()
    client.send("session.update", session={"instructions": "Be brief."})
    client.say("what?")
    assert client.asked == []
    client.send("response.create")
    start, append, commit = client.asked
    assert start.start.config.system_prompt == "Be brief."
    assert append.event.input_append.text == "what?"
    assert append.event.input_append.is_final
    assert commit.event.HasField("input_commit")
    assert [event.client_seq for event in client.said] == [1, 2]


def test_messages_that_wait_are_one_utterance() -> None:
    client = Client()
    client.say("what")
    client.say("is it?")
    client.send("response.create")
    kinds = [event.WhichOneof("event") for event in client.said]
    assert kinds == ["input_append", "input_append", "input_commit"]


def test_what_stands_before_the_users_turn_is_history() -> None:
    client = Client()
    client.say("what is it?")
    said = {"content": [{"type": "output_text", "text": "A sea."}]}
    client.send("conversation.item.create", item={**said, "type": "message", "role": "assistant"})
    client.say("which?")
    client.send("response.create")
    start, append, _ = client.asked
    history = [(turn.role, turn.text) for turn in start.start.config.history]
    assert history == [("user", "what is it?"), ("assistant", "A sea.")]
    assert append.event.input_append.text == "which?"
    note = {"content": [{"type": "input_text", "text": "It rains."}], "role": "system"}
    client.send("conversation.item.create", item={**note, "type": "message"})
    assert client.said[-1].context_append == events.ContextAppend(role="system", text="It rains.")
    assert client.told[-1]["item"]["role"] == "system"


def test_the_assistant_speaks_first() -> None:
    client = Client()
    client.send("response.create", response={"instructions": "Greet."})
    start, create = client.asked
    assert start.HasField("start")
    assert create.event.response_create == events.ResponseCreate(instructions="Greet.")
    client.say("what?")
    client.send("response.create", response={"instructions": "Greet."})
    assert client.error()["param"] == "response.instructions"


def test_what_a_response_took_is_told_with_its_end() -> None:
    client = Client()
    client.answered(1, "one ", "two")
    assert "response.done" not in [event["type"] for event in client.told]
    (done,) = client.used(7, 3)
    assert done["response"]["usage"]["input_tokens"] == 7
    assert done["response"]["output"][0]["content"][0]["text"] == "one two"
    client.answered(2, "three")
    (done,) = client.used(9, 4)
    assert done["response"]["usage"]["total_tokens"] == 3


def test_a_response_ends_also_if_nobody_says_what_it_took() -> None:
    client = Client()
    client.answered(1, "one")
    told = client.hear(session_moved=events.SessionMoved(reason="because"))
    assert [event["type"] for event in told] == ["response.done", "duologue.session_moved"]
    assert told[0]["response"]["usage"] is None


@pytest.mark.parametrize(
    ("reason", "status", "detail"),
    [
        (events.END_REASON_STOP, "completed", None),
        (events.END_REASON_STOP_STRING, "completed", None),
        (events.END_REASON_LENGTH, "incomplete", "max_output_tokens"),
        (events.END_REASON_CANCELLED, "cancelled", "client_cancelled"),
        (events.END_REASON_INTERRUPTED, "cancelled", "turn_detected"),
    ],
)
def test_how_responses_end(reason: int, status: str, detail: str | None) -> None:
    client = Client()
    client.answered(1, "one", reason=reason)
    (done,) = client.used(1, 1)
    assert done["response"]["status"] == status
    assert (done["response"]["status_details"] or {}).get("reason") == detail


def test_a_response_that_was_cut_by_mistake_goes_on_as_another() -> None:
    client = Client()
    client.hear(response_started=events.ResponseStarted(response_id=1))
    client.hear(response_delta=events.ResponseDelta(response_id=1, text="one two "))
    client.hear(interrupted=events.Interrupted(response_id=1, heard_chars=4))
    cut = events.ResponseDone(response_id=1, reason=events.END_REASON_INTERRUPTED)
    client.hear(response_done=cut)
    first = client.used(1, 1)[0]["response"]["id"]
    created = client.hear(response_resumed=events.ResponseResumed(response_id=1, from_chars=4))[0]
    assert created["response"]["metadata"] == {"duologue.resumes": first}
    client.hear(response_delta=events.ResponseDelta(response_id=1, text="two three"))
    client.hear(response_done=events.ResponseDone(response_id=1, reason=events.END_REASON_STOP))
    (done,) = client.used(1, 2)
    assert done["response"]["output"][0]["content"][0]["text"] == "two three"
    client.send("duologue.playback_ack", item_id=client.item_ids[-1], heard_chars=3)
    assert client.said[-1].playback_ack == events.PlaybackAck(response_id=1, heard_chars=7)
    (told,) = client.hear(interrupted=events.Interrupted(response_id=1, heard_chars=7))
    assert told["heard_chars"] == 3, "within its own text"


def test_a_pause_is_told_and_the_text_goes_on() -> None:
    client = Client()
    client.hear(response_started=events.ResponseStarted(response_id=1))
    client.hear(response_delta=events.ResponseDelta(response_id=1, text="one two "))
    client.hear(response_paused=events.ResponsePaused(response_id=1))
    client.hear(response_resumed=events.ResponseResumed(response_id=1, from_chars=4))
    client.hear(response_delta=events.ResponseDelta(response_id=1, text="two"))
    client.hear(response_done=events.ResponseDone(response_id=1, reason=events.END_REASON_STOP))
    (done,) = client.used(1, 2)
    assert done["response"]["output"][0]["content"][0]["text"] == "one two"
    assert [event["type"] for event in client.told].count("response.created") == 1


def test_a_response_that_is_still_being_played_is_paused_and_goes_on() -> None:
    """Its text is complete. It stays the same response, of which more is heard later."""
    client = Client()
    client.answered(1, "one two three")
    client.hear(response_paused=events.ResponsePaused(response_id=1))
    (resumed,) = client.hear(response_resumed=events.ResponseResumed(response_id=1, from_chars=13))[
        -1:
    ]
    assert (resumed["type"], resumed["from_chars"]) == ("duologue.response_resumed", 13)
    assert [event["type"] for event in client.told].count("response.created") == 1
    client.send("duologue.playback_ack", item_id=client.item_ids[0], heard_chars=3)
    assert client.said[-1].playback_ack == events.PlaybackAck(response_id=1, heard_chars=3)


def test_a_response_that_is_not_wanted_any_more() -> None:
    client = Client()
    client.say("what?")
    client.send("response.create", response={"metadata": {"a": "b"}})
    created, done = client.send("response.cancel")
    assert created["response"]["metadata"] == {"a": "b"}
    assert done["response"]["status"] == "cancelled"
    assert client.said[-1].HasField("response_cancel")


def test_a_silent_response_answers_what_needs_no_answer() -> None:
    client = Client()
    client.say("uh huh", id="one")
    client.send("response.create")
    state = events.InputState(state=events.STATE_NON_QUERY, segment_ids=["other"])
    assert [event["type"] for event in client.hear(input_state=state)] == ["duologue.input_state"]
    state = events.InputState(state=events.STATE_NON_QUERY, segment_ids=["one"])
    _, created, done = client.hear(input_state=state)
    assert created["type"] == "response.created"
    assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])


def listening(**settings: Any) -> Client:
    client = Client()
    client.send("session.update", session={"duologue": {"strategy": "listen", **settings}})
    return client


def started(client: Client, number: int) -> str:
    """The session lets the client's own assistant speak; the name of the response."""
    told = client.hear(response_started=events.ResponseStarted(response_id=number))
    name: str = told[0]["response"]["id"]
    return name


def ended(client: Client, number: int) -> str:
    """All of a response's text, as it is told with its end."""
    done = events.ResponseDone(response_id=number, reason=events.END_REASON_STOP)
    text = client.hear(response_done=done)[0]["text"]
    assert client.used(1, 0)[0]["response"]["output"][0]["content"][0]["text"] == text
    return str(text)


def test_what_the_clients_own_assistant_says() -> None:
    client = listening()
    client.send("duologue.input_text.append", text="what is it?")
    name = started(client, 1)
    client.send("duologue.assistant_said", response_id=name, text="It is")
    client.send("duologue.assistant_said", text=" a sea.", is_end=True, heard_chars=3)
    first, second = (event.assistant_said for event in client.said[-2:])
    assert first == events.AssistantSaid(response_id=1, text="It is")
    assert second == events.AssistantSaid(response_id=1, text=" a sea.", is_end=True, heard_chars=3)
    assert ended(client, 1) == "It is a sea."


def test_the_clients_own_assistant_speaks_unasked() -> None:
    client = listening()
    for text, is_end in (("Hel", False), ("lo.", True), ("Well", False)):
        client.send("duologue.assistant_said", text=text, is_end=is_end)
    assert client.asked[0].HasField("start")
    assert not any(event.assistant_said.HasField("response_id") for event in client.said)
    started(client, 1)
    assert ended(client, 1) == "Hello."
    started(client, 2)
    client.send("duologue.assistant_said", text=" then.", is_end=True)
    assert client.said[-1].assistant_said.response_id == 2
    assert ended(client, 2) == "Well then."


def test_the_clients_own_assistant_is_cut_by_mistake_and_goes_on() -> None:
    client = listening()
    name = started(client, 1)
    client.send("duologue.assistant_said", response_id=name, text="one two ")
    client.hear(interrupted=events.Interrupted(response_id=1, heard_chars=4))
    cut = events.ResponseDone(response_id=1, reason=events.END_REASON_INTERRUPTED)
    client.hear(response_done=cut)
    client.send("duologue.assistant_said", response_id=name, text="lost")
    assert client.said[-1].assistant_said.response_id == 1
    told = client.hear(response_resumed=events.ResponseResumed(response_id=1, from_chars=4))
    resumed = next(each for each in told if each["type"] == "response.created")["response"]["id"]
    client.send("duologue.assistant_said", response_id=resumed, text="three", heard_chars=2)
    assert client.said[-1].assistant_said.heard_chars == 6
    assert ended(client, 1) == "two three"


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("duologue.assistant_said", {}, "text"),
        ("duologue.assistant_said", {"text": "a", "response_id": "resp_9"}, "response_id"),
        ("duologue.assistant_said", {"text": "a", "heard_chars": -1}, "heard_chars"),
        ("response.create", {}, "type"),
        ("response.cancel", {}, "type"),
    ],
)
def test_what_makes_no_sense_where_the_client_speaks(
    kind: str, fields: dict[str, Any], param: str
) -> None:
    client = listening()
    client.send(kind, **fields)
    assert client.error()["param"] == param
    assert client.asked == []


def test_where_the_platform_speaks_the_client_does_not() -> None:
    client = Client()
    client.send("duologue.assistant_said", text="It is")
    assert (client.error()["param"], client.asked) == ("type", [])


WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "How it is.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}
CALL = events.ToolCall(
    call_id="call_1", response_id=1, name="get_weather", arguments='{"place": "Köln"}'
)


def test_a_function_is_declared_called_and_answered() -> None:
    client = Client()
    (updated,) = client.send("session.update", session={"tools": [WEATHER], "tool_choice": "auto"})
    assert updated["session"]["tools"] == [WEATHER]
    client.say("rain?")
    client.send("response.create")
    (tool,) = client.asked[0].start.config.tools
    assert (tool.name, tool.description) == ("get_weather", "How it is.")
    assert json.loads(tool.parameters) == WEATHER["parameters"]
    client.hear(response_started=events.ResponseStarted(response_id=1))
    client.hear(response_delta=events.ResponseDelta(response_id=1, text="Let me look."))
    called = client.hear(tool_call=CALL)
    assert [event["type"] for event in called] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
    ]
    assert {event.get("output_index", 1) for event in called} == {1}
    done = events.ResponseDone(response_id=1, reason=events.END_REASON_STOP)
    client.hear(response_done=done)
    (end,) = client.used(3, 5)
    message, call = end["response"]["output"]
    assert message["content"][0]["text"] == "Let me look."
    assert (call["type"], call["call_id"]) == ("function_call", "call_1")
    assert json.loads(call["arguments"]) == {"place": "Köln"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "It pours."}
    added, _ = client.send("conversation.item.create", item=output, previous_item_id=call["id"])
    assert added["item"] == {**output, **{k: added["item"][k] for k in ("id", "object", "status")}}
    assert added["previous_item_id"] == call["id"]
    result = client.said[-1].tool_result
    assert (result.call_id, result.output, result.is_silent) == ("call_1", "It pours.", True)
    client.send("response.create")
    assert client.said[-1].HasField("response_create")


def test_an_output_belongs_to_a_call_that_waits() -> None:
    client = Client()
    output = {"type": "function_call_output", "call_id": "call_1", "output": "It pours."}
    client.send("conversation.item.create", item=output)
    assert client.error()["param"] == "item.call_id"
    client.say("rain?")
    client.send("response.create")
    client.hear(response_started=events.ResponseStarted(response_id=1))
    client.hear(tool_call=CALL)
    client.send("conversation.item.create", item=output)
    client.send("conversation.item.create", item=output)
    assert client.error()["param"] == "item.call_id"
    assert [event.HasField("tool_result") for event in client.said].count(True) == 1


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"tools": [{"type": "mcp", "name": "x"}]}, "session.tools[0].type"),
        ({"tools": [{"type": "function"}]}, "session.tools[0].name"),
        ({"tools": [{**WEATHER, "name": "get weather"}]}, "session.tools[0].name"),
        ({"tools": [{**WEATHER, "parameters": {"type": "string"}}]}, "session.tools[0].parameters"),
        ({"tools": [{**WEATHER, "strict": True}]}, "session.tools[0].strict"),
        ({"tools": [WEATHER, WEATHER]}, "session.tools"),
        ({"tools": "get_weather"}, "session.tools"),
        ({"tools": [WEATHER], "tool_choice": "required"}, "session.tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "none"}, "session.tool_choice"),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, "session.parallel_tool_calls"),
    ],
)
def test_functions_that_cannot_be(session: dict[str, Any], param: str) -> None:
    client = Client()
    client.send("session.update", session=session)
    assert client.error()["param"] == param
    client.say("rain?")
    client.send("response.create")
    assert not client.asked[0].start.config.tools


def test_a_limit_that_is_reached() -> None:
    client = Client()
    reached = events.QuotaReached(quota="output_tokens")
    reached.retry_after.FromMilliseconds(1_500)
    (told,) = client.hear(quota_reached=reached)
    limit = {"name": "tokens", "limit": 600, "remaining": 0, "reset_seconds": 1.5}
    assert told["rate_limits"] == [limit]


def test_the_model_stays_what_it_is() -> None:
    client = Client()
    client.send("session.update", session={"model": "tiny"})
    assert client.told[-1]["type"] == "session.updated"
    client.send("session.update", session={"model": "other"})
    assert client.error()["param"] == "session.model"


@pytest.mark.parametrize(
    ("kind", "fields", "param"),
    [
        ("nothing", {}, "type"),
        ("input_audio_buffer.append", {"audio": ""}, "type"),
        ("output_audio_buffer.clear", {}, "type"),
        ("session.update", {}, "session"),
        ("session.update", {"session": {"type": "transcription"}}, "session.type"),
        ("session.update", {"session": {"output_modalities": ["audio"]}}, None),
        ("session.update", {"session": {"audio": {"output": {"voice": "ash"}}}}, None),
        ("session.update", {"session": {"max_output_tokens": 0}}, "session.max_output_tokens"),
        ("session.update", {"session": {"duologue": {"floor": "own"}}}, "session.duologue.floor"),
        ("session.update", {"session": {"duologue": {"top_k": 10**40}}}, "session.duologue.top_k"),
        ("session.update", {"session": {"duologue": {"labels": {"a": 10**400}}}}, None),
        ("conversation.item.create", {"item": {**USER, "content": []}}, "item.content"),
        ("conversation.item.create", {"item": {"type": "function_call"}}, "item.type"),
        ("conversation.item.truncate", {"item_id": "i", "audio_end_ms": 9}, "heard_chars"),
        ("conversation.item.delete", {"item_id": "i"}, "type"),
        ("response.create", {"response": {"conversation": "none"}}, "response.conversation"),
        ("response.create", {"response": {"max_output_tokens": 3}}, None),
        ("response.cancel", {"response_id": "resp_9"}, "response_id"),
        ("duologue.input_text.append", {"text": 1}, "text"),
        ("duologue.input_text.append", {"text": "\ud800"}, "text"),
        ("duologue.input_text.append", {"text": "a", "segment_id": ""}, "segment_id"),
        ("duologue.input_text.commit", {}, None),
        ("response.create", {"more": 1}, "more"),
    ],
)
def test_what_is_refused_changes_nothing(
    kind: str, fields: dict[str, Any], param: str | None
) -> None:
    client = Client()
    client.send(kind, event_id="mine", **fields)
    assert client.error()["event_id"] == "mine"
    assert param in (None, client.error()["param"])
    assert client.asked == []
    assert client.conversation.config == SessionConfig()


@pytest.mark.parametrize("frame", [None, "", "[", "1", "NaN", '{"type": NaN}', "[" * 50_000])
def test_frames_that_hold_no_event(frame: str | None) -> None:
    outcome = Client().conversation.take(frame)
    (told,) = outcome.to_client
    assert told["error"]["type"] == "invalid_request_error"
    assert outcome.to_session == ()


STORIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["started", "delta", "done", "cut", "paused", "resumed", "usage", "judged"]
        ),
        st.integers(1, 3),
    ),
    max_size=30,
)


@given(story=STORIES, num_wanted=st.integers(0, 3))
def test_every_response_begins_once_and_ends_at_most_once(
    story: list[tuple[str, int]], num_wanted: int
) -> None:
    """Whatever the session tells, in whatever order."""
    client = Client()
    for number in range(num_wanted):
        client.say("what?", id=f"item {number}")
        client.send("response.create")
    for kind, number in story:
        _hear(client, kind, number)
    open_: set[str] = set()
    ended: set[str] = set()
    for event in client.told:
        name = event.get("response_id") or event.get("response", {}).get("id")
        match event["type"]:
            case "response.created":
                assert name not in open_ | ended
                open_.add(name)
            case "response.done":
                open_.remove(name)
                ended.add(name)
            case "response.output_text.delta":
                assert name in open_


def _hear(client: Client, kind: str, number: int) -> None:
    match kind:
        case "started":
            client.hear(response_started=events.ResponseStarted(response_id=number))
        case "delta":
            client.hear(response_delta=events.ResponseDelta(response_id=number, text="a"))
        case "done":
            reason = events.END_REASON_STOP
            client.hear(response_done=events.ResponseDone(response_id=number, reason=reason))
        case "cut":
            client.hear(interrupted=events.Interrupted(response_id=number))
        case "paused":
            client.hear(response_paused=events.ResponsePaused(response_id=number))
        case "resumed":
            client.hear(response_resumed=events.ResponseResumed(response_id=number))
        case "judged":
            client.hear(input_state=events.InputState(state=events.STATE_NON_QUERY))
        case _:
            client.used(number, number)
