"""How a client wants its session held."""

from typing import TYPE_CHECKING

from google.protobuf.struct_pb2 import Struct

from duologue.history import EarlierTurn
from duologue.session_config import Label, SessionConfig
from duologue.settings import Settings
from duologue.tools import Tool
from duologue.v1 import events_pb2 as pb
from duologue.wire.fields import finite, parse, refuse

if TYPE_CHECKING:  # gateway and client have no tokenizer
    from duologue.session.model_words import ModelWords
    from duologue.session.setup import SessionSetup

_SCALARS = (
    "strategy",
    "system_prompt",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "repetition_penalty",
    "max_reply_tokens",
    "reply_tokens_per_slice",
    "reply_tokens_per_second",
    "look_ahead_tokens",
    "floor",
    "reports_playback",
    "model",
)


def config_to_setup(
    message: pb.SessionConfig, settings: Settings, words: "ModelWords"
) -> "SessionSetup":
    """The platform's settings with the client's in their place.

    Raises InvalidSetting naming the field as `config.name`, and what is allowed.
    """
    return words.setup(settings, config_from_pb(message))


def config_from_pb(message: pb.SessionConfig) -> SessionConfig:
    """Raises InvalidSetting naming the field as `config.name`, and what is allowed."""
    given = {name: getattr(message, name) for name in _SCALARS if message.HasField(name)}  # type: ignore[arg-type]
    return SessionConfig(
        **given,
        stop_strings=tuple(message.stop_strings) or None,
        labels=_labels_from_pb(message.labels),
        history=tuple(EarlierTurn(turn.role, turn.text) for turn in message.history),
        tools=tuple(map(_tool_from_pb, message.tools)),
    )


def config_to_pb(config: SessionConfig) -> pb.SessionConfig:
    message = pb.SessionConfig(stop_strings=config.stop_strings or ())
    for name in _SCALARS:
        if (value := getattr(config, name)) is not None:
            setattr(message, name, value)
    if config.labels:
        message.labels.update(dict(config.labels))
    turns = config.history
    message.history.extend(pb.EarlierTurn(role=turn.role, text=turn.text) for turn in turns)
    message.tools.extend(
        pb.Tool(name=tool.name, description=tool.description, parameters=tool.parameters)
        for tool in config.tools
    )
    return message


def _tool_from_pb(tool: pb.Tool) -> Tool:
    if not tool.parameters:
        return Tool(tool.name, tool.description)
    return Tool(tool.name, tool.description, tool.parameters)


def _labels_from_pb(labels: Struct) -> dict[str, Label]:
    found: dict[str, Label] = {}
    for name, value in labels.fields.items():
        match value.WhichOneof("kind"):
            case "string_value":
                found[name] = value.string_value
            case "number_value":
                found[name] = finite("config.labels", value.number_value)
            case "bool_value":
                found[name] = value.bool_value
            case kind:
                refuse("config.labels", "texts, numbers, true or false", kind)
    return found


def config_from_bytes(data: bytes) -> SessionConfig:
    """As the store keeps it; raises InvalidInput if it is something else."""
    message = pb.SessionConfig()
    parse(message, data, "session config")
    return config_from_pb(message)


def config_to_bytes(config: SessionConfig) -> bytes:
    """For the store."""
    return config_to_pb(config).SerializeToString()
