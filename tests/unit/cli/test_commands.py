"""The `duologue` command: it teaches, it is quick to start, and its errors are one line."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duologue.cli import main
from duologue.cli.terminal import EXIT_ERROR
from duologue.configuration import read_configuration
from duologue.errors import ModelUnavailable
from duologue.settings import Settings
from tests.native import needs_native
from tests.tiny_gguf import write_tiny_gguf
from tests.tiny_models import write_tiny_model


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, list(arguments), catch_exceptions=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The exit code of the whole command, errors included."""
    monkeypatch.setattr(sys, "argv", ["duologue", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main.main()
    return exit_.value.code


@pytest.mark.parametrize("arguments", [["--help"], ["model", "--help"], ["config", "-h"]])
def test_help_lists_commands(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 0
    assert "show" in result.output


@pytest.mark.parametrize("command", [["model", "prepare"], ["model", "show"], ["config", "show"]])
def test_help_of_a_command_gives_an_example(command: list[str]) -> None:
    output = invoke(*command, "--help").output
    assert "Examples" in output
    assert f"duologue {' '.join(command)}" in output


def test_start_does_not_import_what_is_slow() -> None:
    program = (
        "import sys, duologue.cli.main\n"
        "slow = {'torch', 'transformers', 'tokenizers', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_version() -> None:
    assert f"duologue {version('duologue')} (Python 3." in invoke("version").output
    told = json.loads(invoke("version", "--json").output)
    assert (told["duologue"], told["torch"]) == (version("duologue"), version("torch"))


@pytest.mark.parametrize(
    "command", [["talk"], ["chat", "-a", "here:1"], ["eval", "duplex", "--report", "there"]]
)
def test_where_replies_are_to_be_seen_listening_alone_is_refused(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *command, "--strategy", "listen") == 2
    assert "choose one of duo, tdm, turn" in " ".join(capsys.readouterr().err.split())


def test_config_show_tells_where_a_setting_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_DECODING__TICK_MS", "80")
    output = invoke("config", "show", "--set", "kv.memory_mib=99").output
    rows = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}
    assert rows["decoding.tick_ms"] == ["80", "DUOLOGUE_DECODING__TICK_MS"]
    assert rows["kv.memory_mib"] == ["99", "--set"]
    assert rows["decoding.strategy"] == ['"duo"', "default"]


def test_config_show_leaves_out_the_stores_password() -> None:
    url = "store.url=redis+sentinel://user:correct-horse@host/main"
    output = invoke("config", "show", "--set", url).output
    assert "correct-horse" not in output
    assert '"redis+sentinel://host:26379/main"' in output
    assert "correct-horse" in invoke("config", "show", "--toml", "--set", url).output


def test_config_show_tells_programs_the_same() -> None:
    url = "store.url=redis://:correct-horse@store:6379"
    output = invoke("config", "show", "--json", "--set", "kv.memory_mib=99", "--set", url).output
    told = json.loads(output)
    assert told["kv.memory_mib"] == {"value": 99, "from": "--set"}
    assert told["decoding.tick_ms"]["from"] == "default"
    assert told["store.url"]["value"] == "redis://store:6379"
    assert "correct-horse" not in output
    assert "exclude each other" in invoke("config", "show", "--json", "--toml").output


def test_config_show_writes_a_file_that_reads_back() -> None:
    changed = [
        "--set",
        'decoding.system_prompt=Say "é" and \\ and stop.',
        "--set",
        "kv.memory_mib=9",
    ]
    Path("duologue.toml").write_text(invoke("config", "show", "--toml", *changed).output, "utf-8")
    settings = read_configuration().settings
    assert settings.decoding.system_prompt == 'Say "é" and \\ and stop.'
    assert settings.kv.memory_mib == 9
    assert settings.sampling == Settings().sampling


def test_model_show_tells_what_was_loaded(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "tiny-qwen", "qwen3")
    output = invoke("model", "show", "-m", "tiny-qwen", "--dtype", "float32").output
    assert "tiny-qwen" in output
    assert "in float32" in output
    assert "4 heads over 2 key/value heads of 8" in output
    assert "256 bytes" in output  # 2 layers of keys and values, 2 heads of 8 numbers of 4 bytes
    told = json.loads(invoke("model", "show", "-m", "tiny-qwen", "--json").output)
    assert told["name"] == "tiny-qwen"
    assert told["attention"] == "4 heads over 2 key/value heads of 8"


@needs_native
def test_model_show_tells_how_weights_are_held(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "tiny-llama", "llama", head_dim=16)
    arguments = ("model", "show", "-m", "tiny-llama", "--dtype", "bfloat16")
    assert "in bfloat16 (model.weights is 'plain')" in invoke(*arguments).output
    rounded = invoke(*arguments, "-s", "model.weights=int8").output
    assert "rounded to 8-bit numbers (model.weights asks for it)" in rounded
    with pytest.raises(ModelUnavailable, match="only the native kernels"):
        invoke(*arguments, "-s", "model.weights=int8", "-s", "model.kernels=torch")


def test_model_prepare_converts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))
    write_tiny_gguf(tmp_path / "tiny.gguf")
    first = invoke("model", "prepare", "--model", "tiny.gguf")
    assert "preparing the model, once: done" in first.stderr
    second = invoke("model", "prepare", "--model", "tiny.gguf")
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert first.stdout.startswith(f"ready: {tmp_path / 'cache'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model", "show", "-m", "nowhere"], "error: there is no model at 'nowhere'; allowed are"),
        (["model", "show", "--dtype", "int8"], "error: model.dtype must be 'auto', 'float32'"),
        (
            ["model", "show", "-s", "model.weights=4"],
            "error: model.weights must be 'plain' or",
        ),
        (["config", "show", "-s", "kv.memory=1"], "error: unknown setting 'kv.memory'"),
        (["config", "show", "-c", "no.toml"], "error: there is no configuration file no.toml"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run(monkeypatch, *arguments) == EXIT_ERROR == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1


def test_success_ends_with_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "version") == 0
