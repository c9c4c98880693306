"""llama.cpp in a process of its own: one JSON command per line in, one JSON answer per line out.

Needs nothing but llama-cpp-python, so that it can run in another virtual environment:
python llama_worker.py MODEL.gguf
"""

import ctypes
import importlib
import json
import sys
import time
from typing import Any

lib: Any = importlib.import_module("llama_cpp")

HEADROOM_CELLS = 64
PREFILL_TOKENS = 512
FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}


class Decoder:
    """`sessions` sequences with `context` tokens each; a step decodes one more token of each."""

    def __init__(self, model: Any, settings: dict[str, Any]) -> None:
        self.sessions, self.context = settings["sessions"], settings["context"]
        self._handle = lib.llama_init_from_model(model, self._parameters(settings))
        assert self._handle, f"llama.cpp refused {settings}"
        self._memory = lib.llama_get_memory(self._handle)
        self._batch = lib.llama_batch_init(max(PREFILL_TOKENS, self.sessions), 0, 1)
        self._prefill()

    def _parameters(self, settings: dict[str, Any]) -> Any:
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = (self.context + HEADROOM_CELLS) * self.sessions
        parameters.n_seq_max = self.sessions
        parameters.n_batch = parameters.n_ubatch = PREFILL_TOKENS
        parameters.n_threads = parameters.n_threads_batch = settings["threads"]
        parameters.kv_unified = settings["unified"]
        parameters.flash_attn_type = FLASH_ATTENTION[settings["flash_attention"]]
        return parameters

    def _prefill(self) -> None:
        """Compute the context of sequence 0 and copy its cells to all others."""
        for start in range(0, self.context, PREFILL_TOKENS):
            positions = range(start, min(start + PREFILL_TOKENS, self.context))
            self._decode([(position, 0) for position in positions])
        for sequence in range(1, self.sessions):
            lib.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)

    def step(self) -> float:
        """Seconds that one token for every sequence takes; the cells are given back."""
        rows = [(self.context, sequence) for sequence in range(self.sessions)]
        started = time.perf_counter()
        self._decode(rows)
        lib.llama_get_logits_ith(self._handle, self.sessions - 1)
        seconds = time.perf_counter() - started
        for sequence in range(self.sessions):
            lib.llama_memory_seq_rm(self._memory, sequence, self.context, -1)
        return seconds

    def _decode(self, rows: list[tuple[int, int]]) -> None:
        """rows: position and sequence of each token."""
        self._batch.n_tokens = len(rows)
        for index, (position, sequence) in enumerate(rows):
            self._batch.token[index] = 100 + (position * 7 + sequence) % 1000
            self._batch.pos[index] = position
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = sequence
            self._batch.logits[index] = position == self.context
        result = lib.llama_decode(self._handle, self._batch)
        assert result == 0, f"llama_decode answered {result}"

    def close(self) -> None:
        lib.llama_batch_free(self._batch)
        lib.llama_free(self._handle)


def main() -> None:
    # llama.cpp's log would mix with the answers.
    silent = lib.llama_log_callback(lambda _level, _text, _data: None)
    lib.llama_log_set(silent, ctypes.c_void_p(0))
    lib.llama_backend_init()
    model = lib.llama_model_load_from_file(sys.argv[1].encode(), lib.llama_model_default_params())
    assert model, f"llama.cpp cannot load {sys.argv[1]}"
    decoder: Decoder | None = None
    for line in sys.stdin:
        command = json.loads(line)
        if decoder is not None and command["do"] != "step":
            decoder.close()
            decoder = None
        if command["do"] == "prepare":
            decoder = Decoder(model, command)
        answer = {"seconds": decoder.step() if decoder and command["do"] == "step" else 0.0}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
