"""Preparing a model: exact, once, by one process at a time, and again after a death."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from duologue.model.loading import load_model
from duologue.model.prepared import is_complete, prepare_gguf, prepared_folder
from tests.tiny_gguf import write_tiny_gguf

# Prepares the file named on the command line. Tells every phase, and goes on with the first one
# only when it is told to: so a test decides what happens while the work is under way.
PREPARER = """
import sys
from pathlib import Path
from duologue.model.prepared import prepare_gguf

def tell(phase, done):
    print(phase, flush=True)
    if phase == "reading the tokenizer":
        sys.stdin.readline()

print(prepare_gguf(Path(sys.argv[1]), tell), flush=True)
"""


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))
    write_tiny_gguf(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


def start_preparer(gguf: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARER, str(gguf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_conversion_keeps_weights_words_and_template(gguf: Path) -> None:
    original = write_tiny_gguf(gguf)
    model = load_model(gguf, device="cpu", dtype="float32", attention="eager")
    converted = model.network.state_dict()
    for name, weight in original.state_dict().items():
        assert torch.equal(converted[name], weight), name
    assert model.name == "tiny"
    assert model.tokenizer.special_tokens == {0, 1, 2}
    assert model.chat.stop_tokens == {2}
    assert model.tokenizer.decode(model.chat.user_header) == "user\n"
    # The file names a scheme in which every digit stands alone, white space before it too.
    assert len(model.tokenizer.encode("a  12")) == 5


def test_a_second_time_nothing_is_done(gguf: Path) -> None:
    phases: list[str] = []
    folder = prepare_gguf(gguf)
    assert prepare_gguf(gguf, lambda phase, _done: phases.append(phase)) == folder
    assert phases == []


def test_progress_never_goes_back(gguf: Path) -> None:
    shares: list[float] = []
    prepare_gguf(gguf, lambda _phase, done: shares.append(done))
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert shares[-1] < 1.0
    assert len(set(shares)) > 10


def test_another_content_is_another_model(gguf: Path) -> None:
    before = prepared_folder(gguf)
    write_tiny_gguf(gguf, seed=7)
    assert prepared_folder(gguf) != before


def test_a_damaged_prepared_model_is_made_anew(gguf: Path) -> None:
    folder = prepare_gguf(gguf)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert not is_complete(folder)
    assert prepare_gguf(gguf) == folder
    assert is_complete(folder)


def test_of_two_processes_one_does_the_work(gguf: Path) -> None:
    with start_preparer(gguf) as first, start_preparer(gguf) as second:
        working, waiting = first, second
        if "waiting" in next_line(first):
            working, waiting = second, first
            assert next_line(second) == "reading the tokenizer"
        else:
            assert "waiting for another process" in next_line(second)
        output, _ = working.communicate("go on\n", timeout=120)
        assert Path(output.splitlines()[-1]) == prepared_folder(gguf)
        # The other one finds the work done: its next line is the result.
        assert Path(next_line(waiting)) == prepared_folder(gguf)
    assert is_complete(prepared_folder(gguf))


def test_after_a_killed_attempt_the_next_one_succeeds(gguf: Path) -> None:
    with start_preparer(gguf) as killed:
        assert next_line(killed) == "reading the tokenizer"
        killed.kill()
    left_over = prepared_folder(gguf).with_name(f"{prepared_folder(gguf).name}.partial")
    assert left_over.is_dir()
    assert is_complete(prepare_gguf(gguf))
    assert not left_over.exists()
