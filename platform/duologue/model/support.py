"""Whether a model can run on our memory: found out by asking it, not by a list of names."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable
from duologue.model.geometry import ModelGeometry

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_PROBE_NAME = "duologue_probe"
_PROBE_ROWS = 2

# (layer, shape of the queries, of the keys, of the values)
_Call = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]


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


@torch.inference_mode()
def require_own_attention(network: "PreTrainedModel", geometry: ModelGeometry) -> None:
    """Raise ModelUnavailable unless every layer hands its queries, keys and values to us.

    Runs a forward of two rows with an attention function that only notes what it is given. Models
    with recurrent, convolutional or compressed layers fail it, and so do those that attend in code
    of their own. The network is left with the eager attention of transformers.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(_PROBE_NAME, _note_call)
    calls: list[_Call] = []
    network.set_attn_implementation(_PROBE_NAME)
    try:
        network(
            input_ids=torch.zeros(1, _PROBE_ROWS, dtype=torch.long, device=network.device),
            use_cache=False,
            duologue_probe=calls,
        )
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _unsupported(network, str(error)) from error
    finally:
        network.set_attn_implementation("eager")
    queries = (1, geometry.num_heads, _PROBE_ROWS, geometry.head_dim)
    keys = (1, geometry.num_kv_heads, _PROBE_ROWS, geometry.head_dim)
    if [call[0] for call in calls] != list(range(geometry.num_layers)):
        raise _unsupported(network, f"{len(calls)} of its {geometry.num_layers} layers do")
    if any(call[1:] != (queries, keys, keys) for call in calls):
        raise _unsupported(network, "its heads differ in size")


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
    duologue_probe.append((layer, tuple(query.shape), tuple(key.shape), tuple(value.shape)))
    return torch.zeros_like(query).transpose(1, 2).contiguous(), None  # [1, rows, heads, dim]


def _unsupported(network: "PreTrainedModel", reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"a model of kind '{network.config.model_type}' is not supported: every layer has to"
        f" attend through transformers' AttentionInterface, with heads of one size ({reason})"
    )
