"""A request for a chat completion: read, checked, and as a session with what is said in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.errors import InvalidSetting
from duologue.history import EarlierTurn
from duologue.openai.api_error import unsupported, unusable
from duologue.openai.fields import Fields
from duologue.openai.session_fields import NO_TOOLS, TEXT_ONLY, refused
from duologue.session_config import SessionConfig

PARAMS = {
    "model": "model",
    "system_prompt": "messages",
    "history": "messages",
    "max_reply_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop_strings": "stop",
}
"""What a client calls our settings."""

_ALLOWED: Sequence[tuple[str, Sequence[Any], str]] = (
    ("n", (1,), "there is one answer to a request"),
    ("tools", ([],), NO_TOOLS),
    ("functions", ([],), NO_TOOLS),
    ("tool_choice", ("none", "auto"), NO_TOOLS),
    ("function_call", ("none", "auto"), NO_TOOLS),
    ("parallel_tool_calls", (True, False), NO_TOOLS),
    ("modalities", (["text"],), TEXT_ONLY),
    ("audio", (), TEXT_ONLY),
    ("logprobs", (False,), "probabilities of tokens are not told"),
    ("top_logprobs", (0,), "probabilities of tokens are not told"),
    ("logit_bias", ({},), "tokens cannot be weighed here"),
    ("frequency_penalty", (0, 0.0), "only repetition_penalty is known here, in a session's config"),
    ("presence_penalty", (0, 0.0), "only repetition_penalty is known here, in a session's config"),
    ("response_format", ({"type": "text"},), "answers are text"),
    ("prediction", (), "predicted outputs are not used here"),
    ("web_search_options", (), "nothing is searched here"),
)
"""Fields that mean nothing with these values, and are refused with others."""
_PASSED_OVER = (
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"),
    *("prompt_cache_retention", "reasoning_effort", "verbosity"),
)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    """As the client names it."""
    config: SessionConfig
    text: str
    """What the user says."""
    is_streamed: bool = False
    tells_usage: bool = False
    """Whether a stream ends with what was used."""


def chat_request(body: Fields) -> ChatRequest:
    """Raises Unusable naming the field."""
    model = body.needed_text("model")
    prompt, earlier, text = _messages(body)
    is_streamed = body.truth("stream") or False
    options = body.object("stream_options")
    tells_usage = False
    if options is not None:
        tells_usage = options.truth("include_usage") or False
        options.pass_over(("include_obfuscation",))
        options.end()
    config = _config(body, prompt, earlier)
    for field, allowed, why in _ALLOWED:
        body.only(field, allowed, why)
    body.pass_over(_PASSED_OVER)
    body.end()
    return ChatRequest(model, config, text, is_streamed, tells_usage)


def _config(body: Fields, prompt: str | None, earlier: Sequence[EarlierTurn]) -> SessionConfig:
    most, older = body.integer("max_completion_tokens"), body.integer("max_tokens")
    stop = body.take("stop")
    stops = [stop] if isinstance(stop, str) else stop
    is_texts = isinstance(stops, list) and all(isinstance(each, str) for each in stops)
    if stops is not None and not is_texts:
        raise unusable("stop", "stop must be a string or an array of strings", "invalid_type")
    try:
        return SessionConfig(
            strategy="turn",
            floor="eager",
            system_prompt=prompt,
            history=tuple(earlier),
            temperature=body.number("temperature"),
            top_p=body.number("top_p"),
            seed=body.integer("seed"),
            stop_strings=tuple(stops) if stops else None,
            max_reply_tokens=older if most is None else most,
        )
    except InvalidSetting as error:
        raise refused(error, PARAMS) from None


def _messages(body: Fields) -> tuple[str | None, Sequence[EarlierTurn], str]:
    """The prompt before all others, what was said earlier, and what the user says now."""
    given = body.items("messages")
    if not given:
        raise unusable("messages", "messages must be given", "missing_required_parameter")
    turns = [_turn(Fields(each, f"messages[{place}]")) for place, each in enumerate(given)]
    prompts = []
    while turns and turns[0].role == "system":
        prompts.append(turns.pop(0).text)
    if not turns or turns[-1].role != "user":
        raise unusable("messages", "the last of messages must be the user's: it is answered")
    return "\n\n".join(prompts) if prompts else None, turns[:-1], turns[-1].text


def _turn(message: Fields) -> EarlierTurn:
    role = message.needed_text("role")
    if role in ("tool", "function"):
        raise unsupported(message.name("role"), NO_TOOLS)
    if role not in ("system", "developer", "user", "assistant"):
        allowed = '"system", "developer", "user" or "assistant"'
        raise unusable(message.name("role"), f"{message.name('role')} must be {allowed}")
    message.only("tool_calls", ([],), NO_TOOLS)
    message.only("function_call", (), NO_TOOLS)
    message.only("audio", (), TEXT_ONLY)
    message.pass_over(("name", "refusal", "annotations"))
    text = _content(message)
    message.end()
    return EarlierTurn("system" if role == "developer" else role, text)


def _content(message: Fields) -> str:
    name, value = message.name("content"), message.take("content")
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = "".join(_part(Fields(each, f"{name}[{i}]")) for i, each in enumerate(value))
    else:
        raise unusable(name, f"{name} must be a string or an array of parts", "invalid_type")
    if not text.strip():
        raise unusable(name, f"{name} must hold text")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise unusable(name, f"{name} must be valid Unicode")
    return text


def _part(part: Fields) -> str:
    if part.needed_text("type") != "text":
        raise unsupported(part.name("type"), TEXT_ONLY)
    text = part.needed_text("text")
    part.end()
    return text
