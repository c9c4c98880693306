"""llama.cpp: batched decode through llama-cpp-python, in a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("llama_worker.py")


def has_llama(python: Path) -> bool:
    """Whether this Python has llama-cpp-python."""
    probe = subprocess.run([python, "-c", "import llama_cpp"], capture_output=True, check=False)
    return probe.returncode == 0


class Llama:
    """One cache stream per sequence, so that no sequence reads the cells of another."""

    def __init__(
        self, python: Path, gguf: Path, threads: int, *, name: str, flash_attention: bool
    ) -> None:
        self.name = name if flash_attention else f"{name}, no flash attention"
        self._threads = threads
        self._flash_attention = "on" if flash_attention else "off"
        self._process = subprocess.Popen(
            [python, WORKER, gguf], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def prepare(self, sessions: int, context: int) -> None:
        self._ask(
            do="prepare",
            sessions=sessions,
            context=context,
            threads=self._threads,
            unified=False,
            flash_attention=self._flash_attention,
        )

    def step(self) -> float:
        return self._ask(do="step")

    def release(self) -> None:
        self._ask(do="release")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, **command: Any) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, f"the llama.cpp process ended at {command}"
        return float(json.loads(answer)["seconds"])
