"""A forward that may still be under way, and what it answers."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from duologue.forward.rows import ForwardOutput
from duologue.forward.sampling import Choice, choose
from duologue.forward.sampling_rows import SamplingColumns
from duologue.forward.state_head import StateHead


@dataclass(frozen=True, slots=True)
class Answers:
    """What the rows of a forward that are read tell, in the order of their stretches."""

    tokens: list[int]
    """One for each stretch whose logits are read."""
    probabilities: list[list[float]]
    """One list for each stretch whose hidden states are read, in the order of the head's labels."""


class Running:
    """A forward whose answers are computed where it runs, and come back in one piece.

    Nothing waits for the device until `result`; it can be given other work meanwhile.
    """

    def __init__(
        self, output: ForwardOutput, columns: SamplingColumns, head: StateHead | None
    ) -> None:
        """`columns` went to the device beside the rows."""
        self._num_tokens = output.logits.shape[0]
        self._num_labels = 0
        parts: list[Tensor] = []
        self._choice: Choice | None = None
        if self._num_tokens:
            self._choice = choose(output.logits, columns.within(output.beside))
            parts += [self._choice.tokens.int(), self._choice.unsure.int()]
        if head is not None and output.hidden.shape[0]:
            probabilities = head.probabilities(output.hidden).float()
            self._num_labels = probabilities.shape[1]
            parts.append(probabilities.flatten().view(torch.int32))
        self._coming = Download(torch.cat(parts)) if parts else None

    @torch.inference_mode()
    def result(self) -> Answers:
        """Wait for the answers."""
        if self._coming is None:
            return Answers([], [])
        found = self._coming.array()
        num_unsure = 0 if self._choice is None else len(self._choice.unsure)
        tokens, unsure, rest = np.split(found, np.cumsum([self._num_tokens, num_unsure]))
        if unsure.any():  # a rare row, for which the device is asked again
            assert self._choice is not None
            tokens = self._choice.settle(np.flatnonzero(unsure).tolist()).cpu().numpy()
        rows = rest.view(np.float32).reshape(-1, self._num_labels) if self._num_labels else rest[:0]
        return Answers(tokens.tolist(), rows.tolist())


class Download:
    """Numbers on their way from a device."""

    def __init__(self, numbers: Tensor) -> None:
        self._is_there: torch.cuda.Event | None = None
        self._numbers = numbers
        if numbers.device.type == "cuda":
            self._numbers = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            with torch.cuda.device(numbers.device):
                self._numbers.copy_(numbers, non_blocking=True)
                self._is_there = torch.cuda.Event()
                self._is_there.record()

    def array(self) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        """The numbers, once they are there."""
        if self._is_there is not None:
            self._is_there.synchronize()
        array: np.ndarray[tuple[int], np.dtype[np.int32]] = self._numbers.cpu().numpy()
        return array
