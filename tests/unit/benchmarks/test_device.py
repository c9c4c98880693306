"""The benchmark for GPUs, whole, on a tiny model and without a GPU."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import device

ARGUMENTS = ["--device", "cpu", "--kernels", "triton", "--tiny", "--minutes", "2"]


@pytest.mark.skipif(find_spec("triton") is None, reason="the package triton is for Linux")
def test_every_part_runs_and_finds_what_it_looks_for(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(device.main)
    figures = tmp_path / "figures.json"
    done = CliRunner().invoke(app, [*ARGUMENTS, "--json", str(figures)])
    assert done.exit_code == 0, done.output
    for title in ("exactness", "a forward", "a live crowd"):
        assert title in done.output
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["failures"] == []
    agreements = found["agreements"]
    assert len(agreements) == 4
    for agreement in agreements:
        assert agreement["logits_error"] < 1e-5, agreement
        assert agreement["hidden_error"] < 1e-5, agreement
        assert agreement["same_likeliest"] == agreement["same_sampled"] == 1.0, agreement
    timings = found["timings"]["tiny"]
    assert {(t["kernels"], t["sessions"], t["listens"]) for t in timings} == {
        (kernels, sessions, listens)
        for kernels in ("triton", "torch")
        for sessions in (1, 2)
        for listens in (False, True)
    }
    (crowd,) = found["ticks"]["tiny"]
    assert crowd["sessions"] == 2
    assert crowd["rows"] > 0


def test_a_part_that_fails_is_told_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    app = typer.Typer()
    app.command()(device.main)
    done = CliRunner().invoke(app, [*ARGUMENTS, "--parts", "exact,forward"])
    assert done.exit_code == 1
    told = " ".join(done.output.split())
    assert told.count("the model is on cpu, and triton is for CUDA devices") == 2
