"""Low-rank updates of linear layers, for rows of the input channel and for no others.

What listening needs to know is learned in these updates; what a reply is made of never meets them.
In an adapted layer an input row `x` gets `(x A) B` on top of what the frozen layer gives, with A
`[in_features, rank]` and B `[rank, out_features]`; every other row is left as it is, bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable

PREFIX = "lora."


@dataclass(frozen=True, slots=True)
class LowRank:
    """The update of one linear layer; any scale is folded in."""

    down: Tensor  # [rank, in_features]
    up: Tensor  # [out_features, rank]

    def __post_init__(self) -> None:
        assert self.down.ndim == self.up.ndim == 2, (self.down.shape, self.up.shape)
        assert self.down.shape[0] == self.up.shape[1], (self.down.shape, self.up.shape)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "LowRank":
        return LowRank(self.down.to(device, dtype), self.up.to(device, dtype))


class InputLora:
    """The updates of an adapter, by the name of the layer within the model's body."""

    def __init__(self, updates: Mapping[str, LowRank]) -> None:
        assert updates, "an adapter without updates has no InputLora"
        self.updates = dict(updates)

    @property
    def ranks(self) -> set[int]:
        """The ranks of its updates: one, but for a broken adapter."""
        return {update.down.shape[0] for update in self.updates.values()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self | None:
        """Pick the updates out of an adapter's weights; None if there are none.

        Raises KeyError or AssertionError if a part of an update is missing or has a wrong shape.
        """
        names = {name.removeprefix(PREFIX).rsplit(".", 1)[0] for name in tensors if is_lora(name)}
        if not names:
            return None
        return cls(
            {
                name: LowRank(tensors[f"{PREFIX}{name}.down"], tensors[f"{PREFIX}{name}.up"])
                for name in sorted(names)
            }
        )

    def to_tensors(self) -> dict[str, Tensor]:
        """As an adapter's weights hold them."""
        return {
            f"{PREFIX}{name}.{part}": getattr(update, part)
            for name, update in self.updates.items()
            for part in ("down", "up")
        }

    def fitted_to(self, body: nn.Module) -> "InputLora":
        """The same on the device of a model's body, and in float32 unless the body is finer.

        Raises ModelUnavailable if the body lacks a layer, or has it in another shape.
        """
        weight = next(body.parameters())
        dtype = torch.promote_types(weight.dtype, torch.float32)
        fitted = {}
        for name, update in self.updates.items():
            wanted = (update.down.shape[1], update.up.shape[0])
            found = _features(body, name)
            if found != wanted:
                raise ModelUnavailable(
                    f"the state adapter adapts the linear layer '{name}' of {wanted[0]} to "
                    f"{wanted[1]} features; this model has "
                    + (f"one of {found[0]} to {found[1]} there" if found else "none of that name")
                )
            fitted[name] = update.to(weight.device, dtype)
        return InputLora(fitted)


def is_lora(name: str) -> bool:
    """Whether a tensor of an adapter belongs to an update."""
    return name.startswith(PREFIX)


def _features(body: nn.Module, name: str) -> tuple[int, int] | None:
    """The sizes of a linear layer, plain or packed; None if there is none of that name."""
    try:
        layer: Any = body.get_submodule(name)
    except AttributeError:
        return None
    sizes = (getattr(layer, "in_features", None), getattr(layer, "out_features", None))
    return sizes if None not in sizes else None  # type: ignore[return-value]
