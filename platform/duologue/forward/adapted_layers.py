"""The layers that stand in for a body's linear layers in forwards that carry input rows.

Updates are small: what they cost is not arithmetic but operations, each at a fixed price. So input
rows are read once for all layers that see the same states, products are in float32, whose small
ones start several times faster than oneDNN's in bfloat16, and whatever can be prepared once is.
docs/notes-performance.md has the figures.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn

from duologue.forward.input_lora import InputLora, LowRank


class InputRows:
    """Rows of a batch `[1, rows, width]`, by their numbers in rising order; the others stay alone.

    Rows at even distances, such as one per session beside one of output, are a view.
    """

    def __init__(self, numbers: Sequence[int], device: torch.device | str) -> None:
        assert numbers, "no rows"
        steps = {after - before for before, after in pairwise(numbers)}
        self._view: slice | None = None
        if len(steps) <= 1:
            self._view = slice(numbers[0], numbers[-1] + 1, max(steps, default=1))
        else:
            self._index = torch.tensor(numbers, device=device)

    def of(self, states: Tensor) -> Tensor:
        """These rows, `[1, rows, width]` -> `[input rows, width]`."""
        if self._view is not None:
            return states[0][self._view]
        return states[0].index_select(0, self._index)

    def add(self, states: Tensor, change: Tensor) -> None:
        """Add `[input rows, width]` to these rows, in place."""
        if self._view is not None:
            states[0][self._view].add_(change)
            return
        # Faster than index_add_, which goes element by element.
        changed = states[0].index_select(0, self._index).add_(change)
        states[0].index_copy_(0, self._index, changed)


class AdaptedLayers:
    """A body's linear layers with their updates, ready to stand in for the plain ones."""

    def __init__(self, body: nn.Module, lora: InputLora) -> None:
        """`lora` is fitted to the body: raises AttributeError if the body lacks a layer of it."""
        self._places: list[tuple[dict[str, nn.Module | None], str, AdaptedLinear]] = []
        self._shared: list[SharedDown] = []
        for path, updates in _siblings(lora):
            parent = body.get_submodule(path)
            shared = SharedDown([update.down for update in updates.values()])
            self._shared.append(shared)
            for number, (name, update) in enumerate(updates.items()):
                adapted = AdaptedLinear(parent.get_submodule(name), shared, number, update.up)
                self._places.append((parent._modules, name, adapted))

    @contextmanager
    def applied(self, rows: InputRows) -> Iterator[None]:
        """In the forwards of this block, these rows are adapted."""
        for shared in self._shared:
            shared.rows = rows
        try:
            # Past nn.Module's own setter, which would take longer than the arithmetic.
            for siblings, name, adapted in self._places:
                siblings[name] = adapted
            yield
        finally:
            for siblings, name, adapted in self._places:
                siblings[name] = adapted.plain
            for shared in self._shared:
                shared.forget()


class AdaptedLinear(nn.Module):
    """Stands in for a linear layer, plain or packed, and adds its update to input rows."""

    def __init__(self, plain: nn.Module, shared: "SharedDown", number: int, up: Tensor) -> None:
        """up: [out_features, rank]"""
        super().__init__()
        self.plain = plain
        self._shared, self._number = shared, number
        self._up = up.T.contiguous()

    def forward(self, states: Tensor) -> Tensor:
        """states: [1, rows, in_features]; result: [1, rows, out_features]."""
        result: Tensor = self.plain(states)
        # The result is fresh, so it may be changed: other rows are not even copied.
        shared = self._shared
        shared.rows.add(result, shared.of(states)[self._number] @ self._up)
        return result


class SharedDown:
    """The first half of several updates, as one product for all that read the same states.

    Siblings of one width share it by guess. A wrong guess (an attention's output layer beside its
    queries) costs a few columns: who reads other states gets a product of its own.
    """

    rows: InputRows

    def __init__(self, downs: Sequence[Tensor]) -> None:
        """downs: [rank, in_features] each"""
        self._ranks = [down.shape[0] for down in downs]
        self._down = torch.cat(list(downs)).T.contiguous()  # [in_features, all ranks]
        self._states: Tensor | None = None
        self._parts: tuple[Tensor, ...] = ()

    def of(self, states: Tensor) -> tuple[Tensor, ...]:
        """For each update `[input rows, rank]`."""
        if states is not self._states:
            rows = self.rows.of(states).to(self._down.dtype)
            self._parts = (rows @ self._down).split(self._ranks, dim=1)
            self._states = states
        return self._parts

    def forget(self) -> None:
        """Let go of what a forward left behind."""
        del self.rows
        self._states, self._parts = None, ()


def _siblings(lora: InputLora) -> Iterator[tuple[str, dict[str, LowRank]]]:
    """The updates of one module's layers with as many inputs, by the layers' names within it."""
    found: dict[tuple[str, int], dict[str, LowRank]] = {}
    for path, update in lora.updates.items():
        parent, _, name = path.rpartition(".")
        found.setdefault((parent, update.down.shape[1]), {})[name] = update
    for (parent, _), updates in found.items():
        yield parent, updates
