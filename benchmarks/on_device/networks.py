"""Networks with random weights in the sizes of known models, made where they are to run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from transformers import LlamaConfig, PreTrainedConfig, PreTrainedModel, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.kernels.choice import KernelChoice
from duologue.forward.kernels.kernel_set import KernelSet
from duologue.model.geometry import ModelGeometry
from duologue.model.loading import LoadedModel
from duologue.text.chat import ChatFormat

VOCAB_SIZE = 128_256
ROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 500_000.0}
SEED = 11


def llama_1b() -> PreTrainedConfig:
    """Llama 3.2 1B."""
    return _llama(2048, 8192, num_layers=16, head_dim=64, tied=True)


def llama_8b() -> PreTrainedConfig:
    """Llama 3.1 8B."""
    return _llama(4096, 14336, num_layers=32, head_dim=128, tied=False)


def small(family: str) -> PreTrainedConfig:
    """A model of a few layers that float32 and a processor can do as well."""
    sizes = {"vocab_size": 2048, "hidden_size": 768, "intermediate_size": 1536}
    heads = {"num_attention_heads": 12, "num_key_value_heads": 4}
    dim = 64 if family == "llama" else 128
    return _of_family(family, **sizes, **heads, num_hidden_layers=4, head_dim=dim)


def tiny(family: str = "llama") -> PreTrainedConfig:
    """For a run that shows that everything works."""
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return _of_family(family, **sizes, **heads, num_hidden_layers=1, head_dim=16)


def _of_family(family: str, **sizes: int) -> PreTrainedConfig:
    """Weights are larger than training would begin with, so that a mistake shows."""
    kind = {"llama": LlamaConfig, "qwen3": Qwen3Config}[family]
    made: PreTrainedConfig = kind(
        initializer_range=2 / sizes["hidden_size"] ** 0.5,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        **sizes,
    )
    return made


def _llama(
    hidden: int, inner: int, *, num_layers: int, head_dim: int, tied: bool
) -> PreTrainedConfig:
    return LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=num_layers,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=head_dim,
        max_position_embeddings=131_072,
        rope_parameters=ROPE,
        tie_word_embeddings=tied,
    )


def network_of(
    config: PreTrainedConfig, device: torch.device, dtype: torch.dtype
) -> PreTrainedModel:
    """The same weights for the same arguments."""
    register()
    torch.manual_seed(SEED)
    with torch.device(device):
        network: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    frozen: PreTrainedModel = network.eval().requires_grad_(False)
    frozen.set_attn_implementation(ATTENTION_NAME)
    return frozen


def model_of(network: PreTrainedModel, kernels: KernelSet) -> LoadedModel:
    """As an engine takes it: tokens are numbers here, and nobody reads text."""
    chat = ChatFormat(
        bare_opening=(1,),
        system_header=(1, 2),
        system_end=(3,),
        user_header=(4, 5),
        user_end=(3,),
        reply_header=(4, 6),
        reply_end=(3,),
        stop_tokens=frozenset(),
        supports_system=True,
    )
    return LoadedModel(
        network=network,
        tokenizer=cast(Any, SimpleNamespace()),
        chat=chat,
        geometry=ModelGeometry.from_config(network.config),
        name="random",
        fingerprint="",
        device=network.device,
        dtype=network.dtype,
        folder=Path(),
        kernels=KernelChoice(kernels, "of a benchmark"),
    )
