"""Which families of models run, tried with tiny random ones: the table of docs/models.md.

python -m tests.model_families           write the table anew
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from duologue.forward.llama_like import why_unlike
from duologue.forward.native.llama import why_not
from tests.tiny_models import tiny_network

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
_BEGIN, _END = "<!-- families: begin -->\n", "<!-- families: end -->"


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model, as `model_type` in a configuration calls it."""

    kind: str
    models: str
    """Some that people know."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What makes it differ from a Llama beside its code."""

    @property
    def sizes(self) -> dict[str, Any]:
        """Such that every kernel set could serve it."""
        return {"hidden_size": 64, "head_dim": 16} | self.changes


_WINDOW: dict[str, Any] = {"sliding_window": 16}
_ALTERNATING = _WINDOW | {"layer_types": ["sliding_attention", "full_attention"]}
_EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2}
_OWN_KEYS: dict[str, Any] = {"num_key_value_heads": 4}

FAMILIES = (
    Family("llama", "Llama 2 and 3, SmolLM2, TinyLlama, Yi"),
    Family("mistral", "Mistral 7B, Mistral Small", _WINDOW),
    Family("qwen2", "Qwen2, Qwen2.5"),
    Family("qwen3", "Qwen3, with thoughts switched off"),
    Family("gemma", "Gemma"),
    Family("gemma2", "Gemma 2", _ALTERNATING | {"attn_logit_softcapping": 2.0}),
    Family("gemma3_text", "Gemma 3", _ALTERNATING),
    Family("phi", "Phi-1.5, Phi-2", _OWN_KEYS | {"partial_rotary_factor": 0.5}),
    Family("phi3", "Phi-3 with 4K, Phi-4", _WINDOW),
    Family("gpt_neox", "Pythia, GPT-NeoX", _OWN_KEYS),
    Family("olmo", "OLMo"),
    Family("olmo2", "OLMo 2"),
    Family("olmo3", "OLMo 3", _ALTERNATING),
    Family("cohere", "Command R"),
    Family("cohere2", "Command R7B", _ALTERNATING),
    Family("starcoder2", "StarCoder2", _WINDOW),
    Family("granite", "Granite 3"),
    Family("smollm3", "SmolLM3, with thoughts switched off", {"no_rope_layers": [1, 0]}),
    Family("glm", "GLM-4 9B", {"partial_rotary_factor": 0.5}),
    Family("glm4", "GLM-4 0414", {"partial_rotary_factor": 0.5}),
    Family("helium", "Helium"),
    Family("ernie4_5", "ERNIE 4.5"),
    Family("exaone4", "EXAONE 4", _ALTERNATING),
    Family("seed_oss", "Seed-OSS"),
    Family("mixtral", "Mixtral", {"num_local_experts": 4}),
    Family("qwen3_moe", "Qwen3 with experts", _EXPERTS | {"moe_intermediate_size": 32}),
    Family("olmoe", "OLMoE", _EXPERTS),
)


def table() -> str:
    """The families and the kernel sets that serve them, in Markdown."""
    rows = ["| `model_type` | models | `torch` | `native` | `triton` |", "|---|---|---|---|---|"]
    for family in FAMILIES:
        network: Any = tiny_network(family.kind, **family.sizes)
        network = network.to(torch.bfloat16)
        native = "no" if why_not(network) else "yes"
        triton = "no" if why_unlike(network) else "yes"
        rows.append(f"| `{family.kind}` | {family.models} | yes | {native} | {triton} |")
    return "\n".join(rows) + "\n"


def shown(page: str) -> str:
    """The table that a page shows."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def _with_table(page: str) -> str:
    before, begin, rest = page.partition(_BEGIN)
    return before + begin + table() + _END + rest.partition(_END)[2]


if __name__ == "__main__":
    PAGE.write_text(_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
