"""How a GGUF file scales rotary positions, which transformers does not read from it.

Without it a model would run with plain positions and answer a little worse with every token.
"""

from typing import TYPE_CHECKING, Any

from duologue.errors import ModelUnavailable

if TYPE_CHECKING:
    from gguf import GGUFReader

_LONG_FACTORS = "rope_factors_long.weight"
_FACTORS = "rope_freqs.weight"


def scaled_rope(reader: "GGUFReader", parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """The rotary parameters of a transformers configuration, with the file's scaling in them.

    Where layers differ, it is those that see everything which are scaled. Raises ModelUnavailable
    for a kind of scaling that depends on how long a context is, or that is not known.
    """
    scaling = _scaling(reader)
    if scaling is None:
        return parameters
    if parameters is not None and "rope_theta" in parameters:
        return _kept(parameters) | scaling
    if parameters is not None and "full_attention" in parameters:
        return parameters | {"full_attention": _kept(parameters["full_attention"]) | scaling}
    raise ModelUnavailable("its rotary positions are scaled, and it is not known in which layers")


def _kept(parameters: dict[str, Any]) -> dict[str, Any]:
    """What scaling leaves as it is."""
    return {
        name: parameters[name]
        for name in ("rope_theta", "partial_rotary_factor")
        if name in parameters
    }


def _scaling(reader: "GGUFReader") -> dict[str, Any] | None:
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    architecture = str(reader.fields["general.architecture"].contents())

    def read(name: str) -> Any:
        field = reader.fields.get(f"{architecture}.{name}")
        return field.contents() if field is not None else None

    kind, factor = read("rope.scaling.type") or "none", read("rope.scaling.factor") or 1.0
    if _LONG_FACTORS in tensors or kind == "longrope":
        raise ModelUnavailable(
            "its rotary positions are scaled by one set of factors in short contexts and by another"
            " in long ones ('longrope'), which is not supported in GGUF files"
        )
    if kind not in ("none", "linear", "yarn"):
        raise ModelUnavailable(f"its rotary positions are scaled in an unknown way ('{kind}')")
    if _FACTORS in tensors:
        # One factor for each frequency, whatever the length: a long rope whose two sets are equal.
        factors = [float(each) for each in tensors[_FACTORS].data.flatten()]
        return {
            "rope_type": "longrope",
            "short_factor": factors,
            "long_factor": factors,
            "attention_factor": 1.0,
            "original_max_position_embeddings": int(read("context_length")),
        }
    if kind == "none" or factor == 1.0:
        return None
    scaling = {"rope_type": str(kind), "factor": float(factor)}
    if kind == "yarn":
        if read("rope.scaling.attn_factor") is not None:
            raise ModelUnavailable("its rotary positions have an attention factor of their own")
        original = read("rope.scaling.original_context_length") or read("context_length")
        scaling["original_max_position_embeddings"] = int(original)
    return scaling
