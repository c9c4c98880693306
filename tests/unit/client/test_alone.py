"""The client works where nothing is installed but gRPC and protobuf."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
OURS = ("duologue", "grpc", "google", "typing_extensions")
"""What may be imported beside Python's own modules; the last is what grpcio needs itself."""
BLOCKING = f"""
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in {OURS!r} and first not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Nothing())
sys.argv[:] = ["duologue", "status"]
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKING + program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["duologue.client", "duologue.client.sync"])
def test_it_imports_nothing_else(module: str) -> None:
    done = run(f"import {module}; {module}.connect('127.0.0.1:1', api_key='key')")
    assert done.returncode == 0, done.stderr


def test_it_is_asked_for_by_no_more_than_that() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(each).name for each in project["dependencies"]}
    assert names == {"googleapis-common-protos", "grpcio", "protobuf"}
    assert project["optional-dependencies"]["client"] == []


def test_the_commands_say_how_to_get_them() -> None:
    done = run("from duologue.cli.start import main; main()")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error: 'typer' is missing: this is the client alone, and the commands come with the"
        " server: pip install 'duologue[server]'\n"
    )
