"""Forwards of fixed shapes, recorded once and played again with other numbers."""

from collections.abc import Callable
from typing import Protocol

import torch

from duologue.forward.triton.body import BodyOutput

Run = Callable[[], BodyOutput]


class Recorder(Protocol):
    """Makes recordings."""

    def record(self, run: Run) -> Run:
        """What runs the same operations on the same memory; its output is good until the next."""


class GraphRecorder:
    """CUDA graphs: a whole forward is one launch.

    The recordings share their working memory, which is why only one output is good at a time.
    """

    def __init__(self, device: torch.device) -> None:
        self._memory = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)

    def record(self, run: Run) -> Run:
        run()  # kernels are compiled and loaded before, which a recording could not hold
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(
            graph, pool=self._memory, stream=self._stream, capture_error_mode="thread_local"
        ):
            output = run()

        def play() -> BodyOutput:
            graph.replay()
            return output

        return play


class PlainRecorder:
    """Where there are no graphs: runs it all again."""

    def record(self, run: Run) -> Run:
        return run
