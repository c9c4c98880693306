"""Ways to the device and back that nobody waits for."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

STAGES = 2
"""So that a forward's numbers can be written down while the last ones are still on their way."""


class Upload:
    """A place on the device for whole numbers, always the same, and the way there.

    What is sent is seen by whatever is put on the same stream after it.
    """

    def __init__(self, device: torch.device, capacity: int) -> None:
        self.numbers = torch.zeros(capacity, dtype=torch.int32, device=device)
        self._stages: list[_PinnedMemory] = []
        if device.type == "cuda":
            self._stages = [_PinnedMemory(capacity) for _ in range(STAGES)]
        self._turn = 0

    def send(self, numbers: Any) -> Tensor:
        """Numbers of the host, int32, on the device: good until the next ones are sent."""
        count = len(numbers)
        place = self.numbers[:count]
        if not self._stages:
            place.copy_(torch.from_numpy(numbers))
            return place
        stage = self._stages[self._turn]
        self._turn = (self._turn + 1) % STAGES
        stage.send(numbers, place)
        return place


class _PinnedMemory:
    """Memory of the host that the device reads by itself."""

    def __init__(self, capacity: int) -> None:
        self._memory = torch.zeros(capacity, dtype=torch.int32, pin_memory=True)
        self._array = self._memory.numpy()
        self._is_read = torch.cuda.Event()

    def send(self, numbers: Any, place: Tensor) -> None:
        self._is_read.synchronize()  # of the last time, long ago
        np.copyto(self._array[: len(numbers)], numbers)
        place.copy_(self._memory[: len(numbers)], non_blocking=True)
        self._is_read.record()
