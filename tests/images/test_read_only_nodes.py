"""A Ray node's model under a read-only root: what is baked in is used as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

READ_ONLY = Path(__file__).parent / "read_only"

LOADING = """
from duologue.model.loading import load_model
print(load_model("bundled", device="cpu", dtype="float32").name)
"""


@pytest.mark.usefixtures("bundled_model_path")
def test_a_prepared_model_is_loaded_without_writing(tmp_path: Path) -> None:
    path = os.pathsep.join([str(READ_ONLY), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "WRITABLE": f"{tmp_path}/"}
    done = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "SmolLM2" in done.stdout
