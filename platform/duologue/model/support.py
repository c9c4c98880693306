"""Whether a model can run on our memory: found out by asking it, not by a list of names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable
from duologue.model.geometry import ModelGeometry

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_PROBE_NAME = "duologue_probe"
_TOKENS = (1, 2, 3)
_POSITIONS = (1, 7, 8)
_WATCHED = 1
"""The row in the middle, which has others before it and behind it."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What a layer handed to attention."""

    layer: int
    queries: Tensor  # [1, heads, rows, dim]
    keys: Tensor  # [1, kv_heads, rows, dim]
    values: Tensor  # [1, kv_heads, rows, dim]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(each.shape) for each in (self.queries, self.keys, self.values))


def require_decoder(config: "PreTrainedConfig") -> None:
    """Raise ModelUnavailable if the configuration cannot be that of a rotary decoder."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    is_causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not config.is_encoder_decoder
    is_rotary = bool(getattr(config.get_text_config(decoder=True), "rope_parameters", None))
    if not (is_causal and is_rotary):
        raise ModelUnavailable(
            f"a model of kind '{config.model_type}' is not supported: only causal decoders with"
            " rotary positions are (such as Llama, Qwen, Mistral and Gemma)"
        )


def require_own_attention(network: "PreTrainedModel", geometry: ModelGeometry) -> None:
    """Raise ModelUnavailable unless every layer hands its queries, keys and values to us.

    Runs a forward of a few rows with an attention function that only notes what it is given. Models
    with recurrent, convolutional or compressed layers fail it, and so do those that attend in code
    of their own. The network is left with the eager attention of transformers.
    """
    try:
        calls = _probe(network, _TOKENS, _POSITIONS)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _unsupported(network, str(error)) from error
    queries = (1, geometry.num_heads, len(_TOKENS), geometry.head_dim)
    keys = (1, geometry.num_kv_heads, len(_TOKENS), geometry.head_dim)
    if [call.layer for call in calls] != list(range(geometry.num_layers)):
        raise _unsupported(network, f"{len(calls)} of its {geometry.num_layers} layers do")
    if any(call.shapes != (queries, keys, keys) for call in calls):
        raise _unsupported(network, "its heads differ in size")


def require_rows_apart(network: "PreTrainedModel", geometry: ModelGeometry) -> None:
    """Raise ModelUnavailable if a row depends on others in its forward in a way that is not ours.

    With some ways of scaling rotary positions ('longrope', 'dynamic') all rows of a forward are
    turned by the longest one's scale. A conversation would then be answered differently alone and
    beside a longer one, and its older cells would be of another scale than its newer ones. Layers
    with a recurrent part beside their attention carry something from each row to the next.
    """
    alone = _probe(network, _TOKENS, _POSITIONS)
    far = (*_POSITIONS[:-1], geometry.max_positions - 1)
    if _differ(alone, _probe(network, _TOKENS, far)):
        raise ModelUnavailable(
            f"a model of kind '{network.config.model_type}' is not supported with such positions:"
            f" they ({', '.join(_rope_kinds(network))}) are scaled by the longest context of a"
            " forward, so that a conversation would be answered differently alone and beside a"
            " longer one"
        )
    others = tuple(token if row == _WATCHED else token + 3 for row, token in enumerate(_TOKENS))
    if _differ(alone, _probe(network, others, _POSITIONS)):
        raise _unsupported(network, "its rows see each other beside their attention, too")


def _differ(one: Sequence[_Call], other: Sequence[_Call]) -> bool:
    """Whether the watched row handed over something else in one probe than in the other."""
    pairs = (
        (left[:, :, _WATCHED], right[:, :, _WATCHED])
        for first, second in zip(one, other, strict=True)
        for left, right in (
            (first.queries, second.queries),
            (first.keys, second.keys),
            (first.values, second.values),
        )
    )
    return any(float((left - right).norm()) > 0.02 * float(left.norm()) for left, right in pairs)


def _rope_kinds(network: "PreTrainedModel") -> list[str]:
    """The kinds of rotary embedding that a configuration names, of all its layers."""
    parameters: Any = network.config.get_text_config(decoder=True).rope_parameters
    each = [parameters, *(part for part in parameters.values() if isinstance(part, dict))]
    return sorted({f"'{part['rope_type']}'" for part in each if "rope_type" in part})


@torch.inference_mode()
def _probe(
    network: "PreTrainedModel", tokens: Sequence[int], positions: Sequence[int]
) -> list[_Call]:
    """What each layer hands to attention in a forward of these rows.

    Attention adds nothing, so that what a row hands over depends on its token and position alone.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_PROBE_NAME, _note_call)
    calls: list[_Call] = []
    network.set_attn_implementation(_PROBE_NAME)
    try:
        network(
            input_ids=torch.tensor([tokens], device=network.device),
            position_ids=torch.tensor([positions], device=network.device),
            use_cache=False,
            duologue_probe=calls,
        )
    finally:
        network.set_attn_implementation("eager")
    return calls


def _note_call(
    module: nn.Module,
    query: Tensor,  # [1, heads, rows, dim]
    key: Tensor,  # [1, kv_heads, rows, dim]
    value: Tensor,  # [1, kv_heads, rows, dim]
    *_: Any,
    duologue_probe: list[_Call] | None = None,
    **__: Any,
) -> tuple[Tensor, None]:
    if duologue_probe is None:
        raise ValueError("its layers do not pass on what a forward is given for attention")
    layer = module.layer_idx
    assert isinstance(layer, int), layer
    if not getattr(module, "is_causal", True):
        raise ValueError("its rows see later ones")
    if hasattr(module, "sinks"):
        raise ValueError("it has attention sinks")
    duologue_probe.append(_Call(layer, query, key, value))
    return torch.zeros_like(query).transpose(1, 2).contiguous(), None  # [1, rows, heads, dim]


def _unsupported(network: "PreTrainedModel", reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"a model of kind '{network.config.model_type}' is not supported: every layer has to"
        f" attend through transformers' AttentionInterface, with heads of one size ({reason})"
    )
