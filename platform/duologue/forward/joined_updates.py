"""Low-rank updates of layers whose outputs are computed as one product."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duologue.forward.input_lora import LowRank

Update = tuple[Tensor, Tensor]
"""down [rank, inputs] and up [rank, outputs], both float32."""


def joined_update(
    parts: Sequence[LowRank | None], widths: Sequence[int], outputs: int
) -> Update | None:
    """The updates of layers whose outputs, so many of each, follow one another; None without any.

    The first layer's outputs are the first; `outputs` are all, and perhaps some more.
    """
    downs, ups, start = [], [], 0
    for part, width in zip(parts, widths, strict=True):
        if part is not None:
            up = torch.zeros(part.up.shape[1], outputs, device=part.up.device)
            up[:, start : start + part.up.shape[0]] = part.up.T
            downs.append(part.down.float())
            ups.append(up)
        start += width
    return (torch.cat(downs).contiguous(), torch.cat(ups).contiguous()) if downs else None
