"""The lab is a distribution of its own, of the server's version, and its commands are the server's
to find."""

import tomllib
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from duologue.cli import additions, main

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "lab"


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def commands(monkeypatch: pytest.MonkeyPatch, **modules: str) -> typer.Typer:
    """A program of what is added where entry points name these modules."""
    entries = EntryPoints(
        EntryPoint(name, module, additions.GROUP) for name, module in modules.items()
    )
    monkeypatch.setattr(additions, "entry_points", lambda group: entries.select(group=group))
    app = typer.Typer()
    additions.register(app)
    return app


def test_both_have_one_version_and_ask_for_it() -> None:
    server, lab = project(ROOT), project(LAB)
    version = server["version"]
    assert lab["version"] == version
    assert server["optional-dependencies"]["lab"] == [f"{lab['name']}=={version}"]
    assert f"{server['name']}[server]=={version}" in lab["dependencies"]


def test_both_have_one_licence() -> None:
    assert (LAB / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_lab_brings_the_commands_that_are_missed_without_it() -> None:
    assert sorted(project(LAB)["entry-points"][additions.GROUP]) == list(additions.OF_THE_LAB)


def test_where_the_lab_is_installed_its_commands_are_listed() -> None:
    output = CliRunner().invoke(main.app, ["--help"]).output
    assert "Teaching a model" in output
    assert "Measuring" in output
    assert "the lab" not in CliRunner().invoke(main.app, ["train", "--help"]).output


@pytest.mark.parametrize("arguments", [["train", "--data", "x"], ["eval", "states"], ["data"]])
def test_without_the_lab_its_commands_say_how_to_get_it(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = commands(monkeypatch)
    for asked in (arguments, [*arguments, "--help"]):
        result = CliRunner().invoke(app, asked)
        assert result.exit_code == 2
        assert result.stdout == ""
        line = f"error: duologue {arguments[0]} comes with the lab: pip install 'duologue[lab]'\n"
        assert result.stderr == line


def test_without_the_lab_its_commands_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    output = CliRunner().invoke(commands(monkeypatch), ["--help"]).output
    assert "train" not in output


def test_commands_of_other_distributions_stand_beside_the_labs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = EntryPoint("own", "duologue.cli.version", additions.GROUP)
    app = commands(monkeypatch, **{own.name: own.value})
    assert "duologue" in CliRunner().invoke(app, ["version"]).output
    assert CliRunner().invoke(app, ["train"]).exit_code == 2
