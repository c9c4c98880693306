"""The kernels as a device gets them, compiled to its machine code where none is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "compile_kernels.py"


@pytest.mark.parametrize("kind", ["bf16", "fp32"])
def test_kernels_compile_for_a_hopper(kind: str, tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"
    } | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, SCRIPT, "90", kind], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    built = [line.split() for line in done.stdout.splitlines()]
    assert len(built) == 9
    for _, machine_code_bytes, shared_bytes in built:
        assert int(machine_code_bytes) > 1000
        # The least that devices from compute capability 8.0 on let a program have is 99 KiB.
        assert int(shared_bytes) < 99 << 10
