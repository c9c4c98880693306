"""The committed gRPC code is what the protos give."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ("--python_out", "--grpc_python_out")
STUB_FLAGS = ("--mypy_out=quiet:", "--mypy_grpc_out=quiet,only_async:")


def _generated(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for pattern in ("*_pb2*.py", "*_pb2*.pyi")
        for path in (folder / "duologue").rglob(pattern)
    }


def test_generated_code_is_current(tmp_path: Path) -> None:
    protos = ROOT / "protos"
    sources = [path.relative_to(protos).as_posix() for path in protos.rglob("*.proto")]
    generators = Path(sys.executable).parent
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-I.", *sources),
            *(f"{flag}={tmp_path}" for flag in FLAGS),
            *(f"{flag}{tmp_path}" for flag in STUB_FLAGS),
            f"--plugin=protoc-gen-mypy={generators / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={generators / 'protoc-gen-mypy_grpc'}",
        ],
        cwd=protos,
        check=True,
    )
    committed, fresh = _generated(protos), _generated(tmp_path)
    assert committed.keys() == fresh.keys()
    stale = [name for name, text in fresh.items() if committed[name] != text]
    assert stale == [], "run `make protos`"
