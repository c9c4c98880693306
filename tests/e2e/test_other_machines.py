"""The program on machines without a compiler, and where the reference kernels are asked for."""

import os
import sys
from pathlib import Path

import pytest

from duologue.model.cache import cache_folder
from tests.programs import running

pytestmark = pytest.mark.timeout(240)

WITHIN_S = 200.0
MAIN = "from duologue.cli.main import main; main()"
NO_PACKAGED_COMPILER = "import sys; sys.modules['ziglang'] = None"
SCRIPT = """
title: One question
lines:
  - say: What is the capital of France?
"""


async def played(environment: dict[str, str], folder: Path, *, before: str = "pass") -> str:
    """A conversation as it is printed, by a program that does something first."""
    script = folder / "question.yaml"
    script.write_text(SCRIPT, encoding="utf-8")
    command = (sys.executable, "-c", f"{before}; {MAIN}", "talk", "--script", script)
    async with running(*command, environment={**os.environ, **environment}) as program:
        assert await program.ended(within_s=WITHIN_S) == 0, program.errors
        return program.output


async def test_without_a_compiler_the_reference_kernels_serve(
    tmp_path: Path, bundled_model_path: object
) -> None:
    """Such a machine has the model, but no compiled kernels, and nothing to make them with."""
    (tmp_path / "models").symlink_to(cache_folder() / "models")
    environment = {"DUOLOGUE_CACHE": str(tmp_path), "CC": "no-such-compiler"}
    assert "Paris" in await played(environment, tmp_path, before=NO_PACKAGED_COMPILER)
    command = (sys.executable, "-c", f"{NO_PACKAGED_COMPILER}; {MAIN}", "model", "show")
    async with running(*command, environment={**os.environ, **environment}) as program:
        assert await program.ended(within_s=WITHIN_S) == 0, program.errors
    assert "torch (no C compiler here" in program.output


async def test_an_old_processor_is_served_by_the_reference_kernels(
    tmp_path: Path, bundled_model_path: object
) -> None:
    """As `model.kernels` says there, or because it has none of the instructions."""
    environment = {"DUOLOGUE_MODEL__KERNELS": "torch"}
    assert "Paris" in await played(environment, tmp_path)
