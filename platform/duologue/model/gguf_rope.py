"""How a GGUF file scales rotary positions, which transformers does not read from it.

Without it a model would run with plain positions and answer a little worse with every token.
"""

from typing import TYPE_CHECKING, Any

from duologue.errors import ModelUnavailable

if TYPE_CHECKING:
    from gguf import GGUFReader

_LONG_FACTORS = "rope_factors_long.weight"
_FACTORS = "rope_freqs.weight"


def scaled_rope(reader: "GGUFReader", parameters: dict[str, Any]) -> dict[str, Any]:
    """The rotary parameters of a transformers configuration, with the file's scaling in them.

    Raises ModelUnavailable for a kind of scaling that depends on how long a context is, or that is
    not known.
    """
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    architecture = str(reader.fields["general.architecture"].contents())

    def number(name: str, default: float) -> float:
        field = reader.fields.get(f"{architecture}.rope.scaling.{name}")
        return float(field.contents()) if field is not None else default

    kind = reader.fields.get(f"{architecture}.rope.scaling.type")
    name = str(kind.contents()) if kind is not None else "none"
    if _LONG_FACTORS in tensors or name == "longrope":
        raise ModelUnavailable(
            "its rotary positions are scaled by one set of factors in short contexts and by another"
            " in long ones ('longrope'), which is not supported in GGUF files"
        )
    if name not in ("none", "linear", "yarn"):
        raise ModelUnavailable(f"its rotary positions are scaled in an unknown way ('{name}')")
    theta = {"rope_theta": parameters["rope_theta"]}
    context = float(reader.fields[f"{architecture}.context_length"].contents())
    if _FACTORS in tensors:
        # One factor for each frequency, the same for every length: that is a long rope whose two
        # sets are equal.
        factors = [float(factor) for factor in tensors[_FACTORS].data.flatten()]
        return theta | {
            "rope_type": "longrope",
            "short_factor": factors,
            "long_factor": factors,
            "attention_factor": 1.0,
            "original_max_position_embeddings": int(context),
        }
    if name == "none" or number("factor", 1.0) == 1.0:
        return parameters
    scaled = theta | {"rope_type": name, "factor": number("factor", 1.0)}
    if name == "yarn":
        scaled["original_max_position_embeddings"] = int(number("original_context_length", context))
        if f"{architecture}.rope.scaling.attn_factor" in reader.fields:
            raise ModelUnavailable("its rotary positions have an attention factor of their own")
    return scaled
