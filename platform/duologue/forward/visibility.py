"""The rule of the two channels: which row may look at which cell."""

from torch import Tensor

from duologue.kv.channel import Channel


def visible_cells(
    owners: Tensor,  # [rows, cells]: owner of each cell of the row's slot
    positions: Tensor,  # [rows, cells]: position of each cell of the row's slot
    row_channels: Tensor,  # [rows]
    row_positions: Tensor,  # [rows]
    window: int | None = None,
) -> Tensor:
    """Bool [rows, cells]: a row sees a cell of the trunk or of its own channel, not later than it.

    With a sliding window, a row sees only the `window` last positions, its own included.
    """
    own = (owners == int(Channel.TRUNK)) | (owners == row_channels[:, None])
    visible = own & (positions <= row_positions[:, None])
    if window is not None:
        visible &= positions > row_positions[:, None] - window
    return visible
