"""Linear layers whose weights are laid out once the way the processor's matrix product wants them.

oneDNN packs the right operand of a bfloat16 product on every call, which is a large part of the
time when there are few rows. Packing the frozen weights once gives bit for bit the same results.
"""

import torch
from torch import Tensor, nn

ROWS_HINT = 32
"""The number of rows that the packed layout is chosen for; any number works."""


class PackedLinear(nn.Module):
    """Stands in for a frozen bfloat16 `nn.Linear` on a CPU."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.data, ROWS_HINT)
        self.bias = linear.bias

    def forward(self, states: Tensor) -> Tensor:
        """states: [..., in_features]; result: [..., out_features]."""
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._packed, self.bias, "none", [], ""
        )
        return result


def can_pack(network: nn.Module) -> bool:
    """Whether packing is possible: bfloat16, on a CPU, and a torch with oneDNN's product."""
    weight = next(network.parameters())
    return (
        weight.device.type == "cpu"
        and weight.dtype is torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def pack_linears(network: nn.Module) -> int:
    """Replace every linear layer by a packed one where that is possible; returns their number."""
    if not can_pack(network):
        return 0
    replaced = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child))
                replaced += 1
    return replaced
