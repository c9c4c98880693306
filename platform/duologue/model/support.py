"""Whether a model can run on our memory: found out by asking it, not by a list of names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable
from duologue.model.geometry import ModelGeometry

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_PROBE_NAME = "duologue_probe"
_PROBE_TOKENS = (1, 2, 3)
_FIRST_POSITIONS = (1, 7)


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
        calls = _probe(network, _FIRST_POSITIONS[-1] + 1)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _unsupported(network, str(error)) from error
    rows = len(_PROBE_TOKENS)
    queries = (1, geometry.num_heads, rows, geometry.head_dim)
    keys = (1, geometry.num_kv_heads, rows, geometry.head_dim)
    if [call.layer for call in calls] != list(range(geometry.num_layers)):
        raise _unsupported(network, f"{len(calls)} of its {geometry.num_layers} layers do")
    if any(call.shapes != (queries, keys, keys) for call in calls):
        raise _unsupported(network, "its heads differ in size")


def require_steady_positions(network: "PreTrainedModel", geometry: ModelGeometry) -> None:
    """Raise ModelUnavailable if a row's keys depend on how far the others in its forward are.

    With some ways of scaling rotary positions ('longrope', 'dynamic') all rows of a forward are
    turned by the longest one's scale. A conversation would then be answered differently alone and
    beside a longer one, and its older cells would be of another scale than its newer ones.
    """
    near = _probe(network, _FIRST_POSITIONS[-1] + 1)
    far = _probe(network, geometry.max_positions - 1)
    rows = len(_FIRST_POSITIONS)
    for one, other in zip(near, far, strict=True):
        for left, right in ((one.queries, other.queries), (one.keys, other.keys)):
            if not torch.allclose(left[:, :, :rows], right[:, :, :rows], rtol=1e-2, atol=1e-3):
                raise ModelUnavailable(
                    f"this model of kind '{network.config.model_type}' is not supported: its rotary"
                    f" positions ({', '.join(_rope_kinds(network))}) are scaled by the longest"
                    " context of a forward, so that a conversation would be answered differently"
                    " alone and beside a longer one"
                )


def _rope_kinds(network: "PreTrainedModel") -> list[str]:
    """The kinds of rotary embedding that a configuration names, of all its layers."""
    parameters: Any = network.config.get_text_config(decoder=True).rope_parameters
    each = [parameters, *(part for part in parameters.values() if isinstance(part, dict))]
    return sorted({f"'{part['rope_type']}'" for part in each if "rope_type" in part})


@torch.inference_mode()
def _probe(network: "PreTrainedModel", last_position: int) -> list[_Call]:
    """What each layer hands to attention in a forward of which the last row is at that position.

    Attention adds nothing, so that what a row hands over depends on its token and position alone.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_PROBE_NAME, _note_call)
    calls: list[_Call] = []
    network.set_attn_implementation(_PROBE_NAME)
    try:
        network(
            input_ids=torch.tensor([_PROBE_TOKENS], device=network.device),
            position_ids=torch.tensor([[*_FIRST_POSITIONS, last_position]], device=network.device),
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
    duologue_probe: list[_Call],
    **__: Any,
) -> tuple[Tensor, None]:
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
