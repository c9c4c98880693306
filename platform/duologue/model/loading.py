"""Loading a model: weights, tokenizer, chat format and sizes, ready for the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from duologue.errors import ModelUnavailable
from duologue.forward.kernels.choice import KernelChoice, choose_kernels
from duologue.forward.kernels.torch_kernels import TORCH
from duologue.model.border import inside_transformers
from duologue.model.conversion import Progress, ignore_progress
from duologue.model.device import choose_device, choose_dtype
from duologue.model.fingerprint import fingerprint
from duologue.model.geometry import ModelGeometry
from duologue.model.sources import BUNDLED, model_folder, model_name
from duologue.model.support import (
    require_decoder,
    require_own_attention,
    require_rows_apart,
)
from duologue.model.thoughts import (
    SWITCHED_OFF,
    SWITCHED_ON,
    require_no_thoughts,
    thought_strings,
    thought_tokens,
)
from duologue.model.turn_markup import KNOWN_ENDS, turn_markup, with_markup
from duologue.model.whole_network import read_whole_network
from duologue.text.chat import ChatFormat, Messages, Render
from duologue.text.tokenizer import Tokenizer
from duologue.text.tool_markup import ToolMarkup
from duologue.text.tool_template import Message, derive_tools

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to run; its weights are frozen and its network is in eval mode."""

    network: "PreTrainedModel"
    tokenizer: Tokenizer
    chat: ChatFormat
    geometry: ModelGeometry
    name: str
    fingerprint: str
    device: torch.device
    dtype: torch.dtype
    folder: Path
    """Where the files are that it was loaded from."""
    kernels: KernelChoice = field(default_factory=lambda: KernelChoice(TORCH, "by default"))
    """What the engine computes its forwards with."""


def load_model(
    source: str | Path = BUNDLED,
    *,
    device: str = "auto",
    dtype: str = "auto",
    attention: str = "duologue",
    kernels: str = "auto",
    weights: str = "plain",
    progress: Progress = ignore_progress,
) -> LoadedModel:
    """Load the bundled model ("bundled"), a Hugging Face folder, or a .gguf file.

    A GGUF file is converted on its first use (`progress` follows that); nothing is ever
    downloaded. `attention` is "duologue" for the engine, or one that transformers has, such as
    "eager", for running the model as it is. `kernels` is what the engine's forwards are computed
    with: "auto", "torch", "native" or "triton"; `weights` is "plain", or "int8" to have them
    rounded.

    Raises ModelUnavailable if the model is missing, broken or of a kind that the engine cannot
    run, and InvalidSetting for a device or dtype that is unknown or not present.
    """
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    folder = model_folder(source, progress)
    with inside_transformers(f"load the model in {folder}"):
        config = _read_config(folder)
        require_decoder(config)
        geometry = ModelGeometry.from_config(config)
        words = _read_words(folder)
        network = _read_network(folder, chosen_device, chosen_dtype)
        require_own_attention(network, geometry)
        require_rows_apart(network, geometry)
        _use_attention(network, attention)
        tokenizer = _tokenizer(words, folder)
        return LoadedModel(
            network=network,
            tokenizer=tokenizer,
            chat=_chat_format(words, tokenizer, _stop_tokens(network, words)),
            geometry=geometry,
            name=model_name(source),
            fingerprint=fingerprint(network, geometry, words.get_vocab()),
            device=chosen_device,
            dtype=chosen_dtype,
            folder=folder,
            kernels=choose_kernels(
                kernels if attention == "duologue" else "torch", network, weights
            ),
        )


def _read_config(folder: Path) -> "PreTrainedConfig":
    from transformers import AutoConfig

    config: PreTrainedConfig = AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return config


def _read_words(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer with its chat template and named tokens, as transformers sees it."""
    from transformers import AutoTokenizer

    words: Any = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    if getattr(words, "backend_tokenizer", None) is None:
        raise ModelUnavailable(f"the tokenizer in {folder} has no tokenizer.json form")
    fast: PreTrainedTokenizerFast = words
    return fast


def _read_network(folder: Path, device: torch.device, dtype: torch.dtype) -> "PreTrainedModel":
    """The network, frozen; a weight that the files lack would be made up, so it is an error."""
    network = read_whole_network(
        folder,
        folder,
        dtype=dtype,
        attn_implementation="eager",
        use_safetensors=True,  # a pickle runs code when it is read
    )
    frozen: PreTrainedModel = network.to(device).eval().requires_grad_(False)
    return frozen


def _use_attention(network: "PreTrainedModel", attention: str) -> None:
    if attention == "duologue":
        from duologue.forward.attention import register

        register()
    network.set_attn_implementation(attention)


def _tokenizer(words: "PreTrainedTokenizerFast", folder: Path) -> Tokenizer:
    """The tokenizer, in which the markup that frames turns is special even if the files forgot."""
    serialized = words.backend_tokenizer.to_str()
    if words.chat_template:
        serialized = with_markup(serialized, turn_markup(_renderer(words), words.get_vocab()))
    return Tokenizer(serialized, folder / "tokenizer.json")


def _renderer(words: "PreTrainedTokenizerFast", *, thinks: bool = False) -> Render:
    switches = SWITCHED_ON if thinks else SWITCHED_OFF

    def render(messages: Messages, add_generation_prompt: bool) -> str:
        return str(
            words.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_generation_prompt, **switches
            )
        )

    return render


def _chat_format(
    words: "PreTrainedTokenizerFast", tokenizer: Tokenizer, stop_tokens: frozenset[int]
) -> ChatFormat:
    vocabulary = words.get_vocab()
    thoughts = frozenset(vocabulary[name] for name in thought_tokens(vocabulary))
    if not words.chat_template:
        ends = frozenset(vocabulary[name] for name in KNOWN_ENDS if name in vocabulary)
        return ChatFormat.plain(tokenizer, stop_tokens | ends | thoughts)
    chat = ChatFormat.derive(_renderer(words), tokenizer, stop_tokens | thoughts)
    template = str(words.get_chat_template())

    def prompt(thinks: bool) -> str:
        return _renderer(words, thinks=thinks)([{"role": "user", "content": "Hello"}], True)

    require_no_thoughts(template, prompt)
    return replace(
        chat,
        stop_strings=(*chat.stop_strings, *thought_strings(template, vocabulary)),
        tools=_tool_markup(words, chat, tokenizer),
    )


def _tool_markup(
    words: "PreTrainedTokenizerFast", chat: ChatFormat, tokenizer: Tokenizer
) -> ToolMarkup | None:
    """None for a template that has no place for tools, or none that fits a conversation here."""

    def render(
        messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], asks_for_reply: bool
    ) -> str:
        return str(
            words.apply_chat_template(
                list(messages),
                tools=[dict(tool) for tool in tools] or None,
                tokenize=False,
                add_generation_prompt=asks_for_reply,
                tools_in_user_message=False,  # of the templates that would put them there
                **SWITCHED_OFF,
            )
        )

    try:
        return derive_tools(render, chat, tokenizer)
    except ModelUnavailable:
        return None


def _stop_tokens(network: "PreTrainedModel", words: "PreTrainedTokenizerFast") -> frozenset[int]:
    """The end tokens of the generation settings; without them, the tokenizer's own."""
    settings = network.generation_config
    ends = settings.eos_token_id if settings is not None else None
    if ends is None:
        ends = words.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)
