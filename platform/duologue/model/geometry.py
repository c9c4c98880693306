"""The sizes of a model that the rest of the engine needs to know."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from duologue.errors import ModelUnavailable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True, slots=True)
class ModelGeometry:
    """How large a model is, and so how much memory one cell of it takes."""

    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    hidden_size: int
    vocab_size: int
    max_positions: int

    def __post_init__(self) -> None:
        assert all(getattr(self, name) > 0 for name in self.__slots__), self
        assert self.num_heads % self.num_kv_heads == 0, self

    @classmethod
    def from_config(cls, config: "PreTrainedConfig") -> "ModelGeometry":
        """Read the sizes from a transformers configuration; of several parts, from the text part.

        Raises ModelUnavailable if the configuration does not describe an attention model.
        """
        text = config.get_text_config(decoder=True)
        try:
            num_heads = int(text.num_attention_heads)
            return cls(
                num_layers=int(text.num_hidden_layers),
                num_heads=num_heads,
                num_kv_heads=int(getattr(text, "num_key_value_heads", None) or num_heads),
                head_dim=int(getattr(text, "head_dim", None) or text.hidden_size // num_heads),
                hidden_size=int(text.hidden_size),
                vocab_size=int(text.vocab_size),
                max_positions=int(text.max_position_embeddings),
            )
        except (AttributeError, TypeError, ValueError) as error:
            kind = getattr(text, "model_type", type(text).__name__)
            raise ModelUnavailable(
                f"a model of kind '{kind}' is not supported: its configuration does not give the"
                f" sizes of an attention model ({error})"
            ) from error

    @property
    def num_query_groups(self) -> int:
        """Query heads that share one key/value head."""
        return self.num_heads // self.num_kv_heads

    def bytes_per_cell(self, dtype: torch.dtype) -> int:
        """Bytes that one token's keys and values take over all layers."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim * dtype.itemsize
