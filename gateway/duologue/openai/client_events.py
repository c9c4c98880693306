"""What a client of the Realtime API says: each event as a value, or refused by its field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from duologue.openai.api_error import Unusable, unsupported, unusable
from duologue.openai.fields import Fields, parsed
from duologue.openai.session_fields import (
    ALL_AT_ONCE,
    ONLY_AUTO,
    TEXT_ONLY,
    changes_asked,
    most_tokens,
)

MAX_ID_CHARS = 128
MAX_METADATA = 16
MAX_METADATA_CHARS = 512


@dataclass(frozen=True, slots=True)
class UpdateSession:
    changes: Mapping[str, Any]
    """By the names of our own settings."""


@dataclass(frozen=True, slots=True)
class CreateItem:
    """A message joins the conversation."""

    role: str
    text: str
    item_id: str | None = None
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class CreateOutput:
    """What came of a call of a function joins the conversation."""

    call_id: str
    output: str
    item_id: str | None = None
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemHeard:
    """So many characters of an item were heard."""

    item_id: str
    chars: int
    truncates: bool
    """Whether OpenAI's own event said so, which is answered."""


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """An answer to what was said is asked for."""

    instructions: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class AppendText:
    """More of what the user is saying."""

    text: str
    segment_id: str | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class ReviseText:
    """Another text for a segment."""

    text: str
    segment_id: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class CommitText:
    """The user's turn is over."""


@dataclass(frozen=True, slots=True)
class TellSaid:
    """What the client's own assistant says, where the session only listens."""

    text: str = ""
    response_id: str | None = None
    """None is the one that is being said, or a new one."""
    is_end: bool = False
    heard_chars: int | None = None


Wish = (
    UpdateSession
    | CreateItem
    | CreateOutput
    | ItemHeard
    | CreateResponse
    | CancelResponse
    | AppendText
    | ReviseText
    | CommitText
    | TellSaid
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An event, under the name that the client gave it."""

    event_id: str | None
    wish: Wish


def asked(data: str) -> Asked:
    """The event that a frame holds; raises Unusable."""
    event = parsed(data)
    event_id = event.text("event_id")
    try:
        if event_id is not None and len(event_id) > MAX_ID_CHARS:
            event_id = None
            raise unusable("event_id", f"event_id may have {MAX_ID_CHARS} characters")
        kind = event.needed_text("type")
        read = _KINDS.get(kind)
        if read is None:
            raise _unknown(kind)
        wish = read(event)
        event.end()
        return Asked(event_id, wish)
    except Unusable as error:
        raise Unusable(error.error, event_id) from None


def _unknown(kind: str) -> Unusable:
    if kind.startswith(("input_audio_buffer.", "output_audio_buffer.")):
        return unsupported("type", TEXT_ONLY, "audio_not_supported")
    known = ", ".join(_KINDS)
    return unusable("type", f"type must be one of {known}, not {kind[:80]!r}")


def _update(event: Fields) -> UpdateSession:
    session = event.object("session")
    if session is None:
        raise unusable("session", "session must be given", "missing_required_parameter")
    return UpdateSession(changes_asked(session))


def _create_item(event: Fields) -> CreateItem | CreateOutput:
    item = event.object("item")
    if item is None:
        raise unusable("item", "item must be given", "missing_required_parameter")
    kind = item.needed_text("type")
    if kind == "function_call_output":
        return _output(item, _id(event, "previous_item_id"))
    if kind != "message":
        allowed = 'items are of the type "message" or "function_call_output"'
        raise unsupported("item.type", allowed)
    role = item.needed_text("role")
    if role not in ("user", "assistant", "system"):
        raise unusable("item.role", 'item.role must be "user", "assistant" or "system"')
    item_id = _id(item, "id")
    item.pass_over(("status", "object"))
    text = _content(item, "output_text" if role == "assistant" else "input_text")
    item.end()
    return CreateItem(role, text, item_id, _id(event, "previous_item_id"))


def _output(item: Fields, previous_item_id: str | None) -> CreateOutput:
    call_id, output = item.needed_text("call_id"), item.needed_text("output")
    item_id = _id(item, "id")
    item.pass_over(("status", "object"))
    item.end()
    return CreateOutput(call_id, output, item_id, previous_item_id)


def _content(item: Fields, kind: str) -> str:
    """The texts of all parts in a row."""
    texts = []
    for place, each in enumerate(item.items("content") or ()):
        part = Fields(each, f"item.content[{place}]")
        given = part.needed_text("type")
        if given in ("input_audio", "output_audio", "audio"):
            raise unsupported(part.name("type"), TEXT_ONLY, "audio_not_supported")
        if given not in (kind, "text"):
            name = part.name("type")
            raise unusable(name, f"{name} must be {kind!r} here, not {given[:80]!r}")
        texts.append(part.needed_text("text"))
        part.end()
    if not "".join(texts).strip():
        raise unusable("item.content", "item.content must hold text")
    return "".join(texts)


def _truncate(event: Fields) -> ItemHeard:
    item_id = event.needed_text("item_id")
    event.only("content_index", (0,), "an item has one part, 0")
    end_ms, chars = event.integer("audio_end_ms"), event.integer("heard_chars")
    if chars is None and end_ms == 0:
        chars = 0
    if chars is None:
        raise unusable(
            "heard_chars",
            "heard_chars must say how many characters were heard: there is no audio here, "
            "and no millisecond of it but 0",
            "missing_required_parameter",
        )
    return ItemHeard(item_id, _count(chars), truncates=True)


def _heard(event: Fields) -> ItemHeard:
    chars = event.integer("heard_chars")
    if chars is None:
        raise unusable("heard_chars", "heard_chars must be given", "missing_required_parameter")
    return ItemHeard(event.needed_text("item_id"), _count(chars), truncates=False)


def _count(chars: int) -> int:
    if not 0 <= chars < 2**32:
        raise unusable("heard_chars", "heard_chars must be from 0 to 4294967295")
    return chars


def _create_response(event: Fields) -> CreateResponse:
    response = event.object("response")
    if response is None:
        return CreateResponse()
    metadata = _metadata(response)
    instructions = response.text("instructions")
    response.only("conversation", ("auto",), "a response is always part of the conversation")
    response.only("input", ([],), "a response answers the conversation: create items instead")
    response.only("output_modalities", (["text"],), TEXT_ONLY)
    response.only("audio", (), TEXT_ONLY)
    response.only("tools", ([],), "they are the session's: set them by session.update")
    response.only("tool_choice", ("auto",), ONLY_AUTO)
    response.only("prompt", (), "prompt templates are not kept here")
    response.only("reasoning", (), "models that reason aloud are not held here")
    response.only("parallel_tool_calls", (True,), ALL_AT_ONCE)
    if most_tokens(response).get("max_reply_tokens") is not None:
        name = "response.max_output_tokens"
        raise unsupported(name, "it is the session's: set it by session.update")
    response.end()
    return CreateResponse(instructions or None, metadata)


def _metadata(response: Fields) -> Mapping[str, str] | None:
    metadata = response.take("metadata")
    if metadata is None:
        return None
    name = "response.metadata"
    if not isinstance(metadata, dict) or len(metadata) > MAX_METADATA:
        raise unusable(name, f"{name} must be an object of at most {MAX_METADATA} texts")
    texts = Fields(metadata, name)
    told = {str(key): texts.needed_text(key) for key in metadata}
    if any(len(text) > MAX_METADATA_CHARS for pair in told.items() for text in pair):
        raise unusable(name, f"{name} may hold texts of {MAX_METADATA_CHARS} characters")
    return told


def _cancel(event: Fields) -> CancelResponse:
    return CancelResponse(event.text("response_id"))


def _append(event: Fields) -> AppendText:
    text, segment_id = event.needed_text("text"), _id(event, "segment_id")
    return AppendText(text, segment_id, is_final=event.truth("is_final") or False)


def _revise(event: Fields) -> ReviseText:
    text, segment_id = event.needed_text("text"), _id(event, "segment_id")
    if segment_id is None:
        raise unusable("segment_id", "segment_id must be given", "missing_required_parameter")
    return ReviseText(text, segment_id, is_final=event.truth("is_final") or False)


def _commit(_event: Fields) -> CommitText:
    return CommitText()


def _tell_said(event: Fields) -> TellSaid:
    text, response_id = event.text("text") or "", event.text("response_id")
    is_end, heard_chars = event.truth("is_end") or False, event.integer("heard_chars")
    if not (text or is_end or heard_chars is not None):
        told = "text, is_end or heard_chars must be given"
        raise unusable("text", told, "missing_required_parameter")
    if heard_chars is not None:
        heard_chars = _count(heard_chars)
    return TellSaid(text, response_id, is_end=is_end, heard_chars=heard_chars)


def _not_kept(event: Fields) -> Wish:
    raise unsupported("type", "items stay as they are; the transcript has them (GetTranscript)")


def _id(fields: Fields, field: str) -> str | None:
    value = fields.text(field)
    if value is not None and not 1 <= len(value) <= MAX_ID_CHARS:
        name = fields.name(field)
        raise unusable(name, f"{name} must have 1 to {MAX_ID_CHARS} characters")
    return value


_KINDS: Mapping[str, Callable[[Fields], Wish]] = {
    "session.update": _update,
    "conversation.item.create": _create_item,
    "conversation.item.truncate": _truncate,
    "conversation.item.delete": _not_kept,
    "conversation.item.retrieve": _not_kept,
    "response.create": _create_response,
    "response.cancel": _cancel,
    "duologue.input_text.append": _append,
    "duologue.input_text.revise": _revise,
    "duologue.input_text.commit": _commit,
    "duologue.playback_ack": _heard,
    "duologue.assistant_said": _tell_said,
}
