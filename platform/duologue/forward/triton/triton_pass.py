"""A forward of a Llama-like model on a CUDA device."""

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duologue.forward.input_lora import InputLora
from duologue.forward.plan import by_slot
from duologue.forward.rows import ForwardOutput, Stretch
from duologue.forward.triton.body import Body, BodyOutput
from duologue.forward.triton.llama import DeviceLlama
from duologue.forward.triton.plan import FIXED, RowsPlan, RowTensors
from duologue.forward.triton.recording import Recorder, Run
from duologue.forward.triton.shapes import MAX_PARTS, AttentionShape, parts_of
from duologue.forward.triton.transfers import Upload
from duologue.kv.blocks import BlockPool

UPLOAD_NUMBERS = 1 << 20
"""Room for what goes up, beside the rows' own numbers: 512 rows that each see 65,000 cells."""

RECORDED_ROWS = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512)
"""Closer to each other where the device's arithmetic is what a row costs."""

MAX_RECORDED_ROWS = 512
"""Larger forwards are not recorded: there the device works longer than the host takes to ask."""

PROGRAMS_PER_PROCESSOR = 4

Key = tuple[int, int, bool]
"""Of a recording: rows, tile, whether it has rows of input channels."""


class TritonPass:
    """Runs rows through a model's layers; nothing of it waits for the device.

    Not thread-safe. A forward that fits is filled up to the rows of a recording, see `prepare`;
    rows that fill up write nowhere, and nobody looks at them. What comes back is on the device, and
    good for good.
    """

    def __init__(
        self,
        llama: DeviceLlama,
        pool: BlockPool,
        hidden_layers: Sequence[int],
        lora: InputLora | None,
        recorder: Recorder,
    ) -> None:
        """`lora` is fitted to the model's body."""
        self._llama, self._pool, self._recorder = llama, pool, recorder
        self._adapts = lora is not None
        layers = llama.adapted_by(lora.updates) if lora is not None else llama.layers
        self._body = Body(llama, layers, hidden_layers)
        self._upload = Upload(llama.device, UPLOAD_NUMBERS + FIXED * MAX_RECORDED_ROWS)
        self._programs = PROGRAMS_PER_PROCESSOR * _num_processors(llama.device)
        self._recorded: dict[Key, Run] = {}
        self._sizes: list[int] = []

    @torch.inference_mode()
    def prepare(self, max_rows: int) -> None:
        """Record forwards of 1, 2, 4, ... rows, up to `max_rows`."""
        largest = min(max_rows, MAX_RECORDED_ROWS)
        sizes = {min(size, largest) for size in RECORDED_ROWS}
        heads = self._llama.heads
        narrow, wide = heads.tile(1), heads.tile(largest)
        keys = {
            (rows, tile, has_input)
            for rows in sizes
            for tile in (narrow, wide if rows > heads.rows_per_item(narrow) else narrow)
            for has_input in {False, self._adapts}
        }
        with self._on_device():
            # The largest first: the others then find their working memory there.
            for key in sorted(keys - self._recorded.keys(), reverse=True):
                self._recorded[key] = self._record(key)
        self._sizes = sorted({rows for rows, _, _ in self._recorded})

    def run(self, stretches: Sequence[Stretch], beside: Any = None) -> ForwardOutput:
        """Fill the cells of all rows and read the last row of each stretch that asks for it.

        `beside` are further numbers, int32, that go up in the same piece.
        """
        works, last_rows = by_slot(stretches)
        for work in works:
            work.label_cells()
        plan = RowsPlan(works, self._llama.heads, self._llama.window)
        self._check_tokens(plan.tokens)
        ends = list(zip(stretches, last_rows, strict=True))
        logit_rows = [row for stretch, row in ends if stretch.reads_logits]
        hidden_rows = [row for stretch, row in ends if stretch.reads_hidden]
        read = [np.array(logit_rows + hidden_rows, dtype=np.int32)]
        read += [] if beside is None else [beside]
        with self._on_device():
            output, rest = self._start(plan, np.concatenate(read))
            logits_at, hidden_at, beside_at = rest.split(
                [len(logit_rows), len(hidden_rows), len(rest) - len(read[0])]
            )
            final = output.final.index_select(0, logits_at)
            logits = self._llama.head.of(final, None)
            hidden = [states.index_select(0, hidden_at) for states in output.hidden]
        # The place for numbers is used again by the next forward, in its turn.
        return ForwardOutput(logits, torch.cat(hidden, dim=1), beside_at.clone())

    def _start(self, plan: RowsPlan, rest: Any) -> tuple[BodyOutput, Tensor]:
        """Put a forward on the device's stream; its output, and the numbers `rest` there."""
        key = self._key(plan)
        numbers = plan.numbers(key[0] if key else plan.num_rows)
        if len(numbers) + len(rest) <= len(self._upload.numbers):
            there = self._upload.send(np.concatenate([numbers, rest]))
        else:
            key, numbers = None, plan.numbers(plan.num_rows)
            there = torch.from_numpy(np.concatenate([numbers, rest])).to(self._llama.device)
        whole, rest_there = there.split([len(numbers), len(rest)])
        if key is not None:
            return self._recorded[key](), rest_there
        parts = parts_of(
            plan.num_items, self._llama.heads.kv_heads, self._programs, plan.longest_entries
        )
        shape = AttentionShape(plan.num_items, plan.tile, parts)
        rows = RowTensors.of(whole, plan.num_rows)
        return self._run_rows(rows, shape, plan.has_input), rest_there

    def _key(self, plan: RowsPlan) -> Key | None:
        """The recording that the rows fit into."""
        place = bisect_left(self._sizes, plan.num_rows)
        if place == len(self._sizes):
            return None
        key = (self._sizes[place], plan.tile, self._adapts and plan.has_input)
        return key if key in self._recorded else None

    def _record(self, key: Key) -> Run:
        num_rows, tile, has_input = key
        blank = np.zeros(FIXED * num_rows, dtype=np.int32)
        blank[2 * num_rows : 3 * num_rows] = -1
        self._upload.send(blank)
        rows = RowTensors.of(self._upload.numbers, num_rows)
        kv_heads = self._llama.heads.kv_heads
        parts = parts_of(num_rows, kv_heads, self._programs, MAX_PARTS)
        shape = AttentionShape(num_rows, tile, parts)
        return self._recorder.record(lambda: self._run_rows(rows, shape, has_input))

    def _run_rows(self, rows: RowTensors, shape: AttentionShape, has_input: bool) -> BodyOutput:
        adapts = self._adapts and has_input
        return self._body.run(rows, self._pool.keys, self._pool.values, shape, adapts)

    def _check_tokens(self, tokens: Any) -> None:
        """A device that is asked for memory that is not there is of no use afterwards."""
        known = self._llama.embedding.shape[0]
        if tokens.min() < 0 or tokens.max() >= known:
            raise IndexError(f"a token is not one of the model's {known}")

    def _on_device(self) -> AbstractContextManager[Any]:
        device = self._llama.device
        return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _num_processors(device: torch.device) -> int:
    if device.type != "cuda":
        return 1
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
