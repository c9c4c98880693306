"""From corpora to an adapter that loads, by the two commands that a user types."""

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duologue.cli import main
from duologue.errors import InvalidInput, InvalidSetting
from duologue.forward.state_head import StateHead
from duologue.model.loading import load_model
from duologue.states import State
from tests.tiny_models import write_tiny_model
from tests.unit.training import corpora


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main.app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def invoke(*arguments: object) -> str:
    return run(*arguments).output


def build(out: Path) -> str:
    corpora.write_all(Path("corpora"))
    return invoke("data", "build", "--source", "corpora", "--out", out, "--size", 200, "--val", 100)


def test_data_and_train_make_an_adapter_that_fits_its_model(tmp_path: Path) -> None:
    output = build(Path("states"))
    assert "train: " in output
    assert "data card: states" in output
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--out", "adapter", "--model", model]
    arguments += ["--dtype", "float32", "--device", "cpu", "--layers", "0,-1", "--hidden", 8]
    output = invoke(*arguments, "--cache", "cache", "--seed", 3)
    assert "non_query" in output
    assert "premature triggers" in output

    loaded = load_model(model, device="cpu", dtype="float32")
    head = StateHead.load(Path("adapter"), "cpu", geometry=loaded.geometry,
                          fingerprint=loaded.fingerprint)  # fmt: skip
    assert head.layers == (0, -1)
    assert set(head.labels) == set(State)
    assert set(head.thresholds) == {State.QUERY, State.NON_QUERY, State.HOLD}
    assert head.card.training["fit"]["seed"] == 3
    card = Path("adapter/README.md").read_text(encoding="utf-8")
    assert "--layers 0,-1 --hidden 8 --seed 3" in card
    assert str(tmp_path) not in card

    first = Path("adapter/adapter.safetensors").read_bytes()
    told = json.loads(run(*arguments, "--cache", "cache", "--seed", 3, "--json").stdout)
    assert told == {
        "adapter": "adapter",
        "card": json.loads(Path("adapter/adapter.json").read_text(encoding="utf-8")),
    }
    assert Path("adapter/adapter.safetensors").read_bytes() == first


def test_rows_are_counted_for_programs() -> None:
    corpora.write_all(Path("corpora"))
    arguments = ["data", "build", "--source", "corpora", "--out", "states", "--size", 200]
    told = json.loads(run(*arguments, "--val", 100, "--json").stdout)
    rows = Path("states/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert told["rows"]["train"] == Counter(json.loads(row)["label"] for row in rows)
    assert told["rows"].keys() == {"train", "val"}
    assert Path(told["card"]).is_file()


def test_an_adapted_input_channel_is_trained_by_the_same_command(tmp_path: Path) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--out", "adapter", "--model", model, "--seed", 3]
    arguments += ["--dtype", "float32", "--device", "cpu", "--layers", "1", "--cache", "cache"]
    output = invoke(*arguments, "--lora-rank", 2, "--lora-layers", 2)
    assert "premature triggers" in output
    loaded = load_model(model, device="cpu", dtype="float32")
    head = StateHead.load(Path("adapter"), "cpu", geometry=loaded.geometry,
                          fingerprint=loaded.fingerprint)  # fmt: skip
    assert head.lora is not None
    assert head.card.lora_rank == 2
    assert head.lora.updates.keys() == head.lora.fitted_to(loaded.network.base_model).updates.keys()
    assert head.card.training["lora"]["seed"] == 3
    card = Path("adapter/README.md").read_text(encoding="utf-8")
    assert "--layers 1 --hidden 0 --lora-rank 2 --lora-layers 2 --epochs 2 --seed 3" in card
    assert "adapt the rows of the input channel, and no others" in card


def test_a_head_of_two_layers_and_updates_are_trained_together_on_cleaned_rows(
    tmp_path: Path,
) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--out", "adapter", "--model", model]
    arguments += ["--dtype", "float32", "--device", "cpu", "--layers", "0,1", "--hidden", 8]
    invoke(*arguments, "--lora-rank", 2, "--lora-layers", 2, "--epochs", 1, "--clean")
    head = StateHead.load(Path("adapter"))
    assert len(head.dense) == 2
    assert head.card.lora_rank == 2
    assert head.card.confirm_above is not None
    assert head.card.training["cleans"]


def test_training_goes_on_from_an_adapter(tmp_path: Path) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--model", model, "--dtype", "float32", "--device"]
    arguments += ["cpu", "--epochs", 1, "--cache", "cache"]
    shape = ["--layers", "0,1", "--hidden", 8, "--lora-rank", 2, "--lora-layers", 2]
    invoke(*arguments, *shape, "--out", "first")
    invoke(*arguments, "--from", "first", "--seed", 7, "--out", "second")
    first, second = StateHead.load(Path("first")), StateHead.load(Path("second"))
    assert second.layers == first.layers
    assert second.card.lora_rank == 2
    assert second.card.training["before"] == first.card.training
    card = Path("second/README.md").read_text(encoding="utf-8")
    assert "--from … --epochs 1 --seed 7" in card
    assert "went on from an adapter of" in card
    saved = Path("second/adapter.safetensors").read_bytes()
    invoke(*arguments, "--from", "first", "--seed", 7, "--out", "second")  # from the checkpoint
    assert Path("second/adapter.safetensors").read_bytes() == saved
    assert Path("first/adapter.safetensors").read_bytes() != saved


def test_an_adapter_is_calibrated_anew(tmp_path: Path) -> None:
    """Its weights stay, but for the scores of its last layer, which a temperature divides."""
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--model", model, "--dtype", "float32", "--device"]
    arguments += ["cpu", "--epochs"]
    shape = ["--layers", "0,1", "--hidden", 8, "--lora-rank", 2, "--lora-layers", 2]
    invoke(*arguments, 1, *shape, "--out", "first")
    # The same rows, half as many: what is chosen by them differs.
    rows = Path("states/val.jsonl").read_text(encoding="utf-8").splitlines()
    Path("states/val.jsonl").write_text("\n".join(rows[::2]) + "\n", encoding="utf-8")
    invoke(*arguments, 0, "--from", "first", "--out", "anew")
    first, anew = StateHead.load(Path("first")), StateHead.load(Path("anew"))
    assert first.lora is not None
    assert anew.lora is not None
    for name, update in first.lora.updates.items():
        assert anew.lora.updates[name].up.equal(update.up)
        assert anew.lora.updates[name].down.equal(update.down)
    assert anew.dense[0][0].equal(first.dense[0][0])
    ratio = first.dense[1][0] / anew.dense[1][0]
    assert ratio.allclose(ratio.mean(), rtol=1e-4)
    assert float(ratio.mean()) == pytest.approx(anew.card.training["temperature"], rel=1e-3)
    assert anew.card.training["before"] == first.card.training
    num_samples = first.card.training["samples"]
    assert (anew.card.training["samples"], anew.card.training["epochs"]) == (num_samples, 0)
    invoke(*arguments, 0, "--from", "anew", "--out", "again")
    for folder in ("anew", "again"):
        card = Path(f"{folder}/README.md").read_text(encoding="utf-8")
        assert f"Calibrated anew: the weights are those of an adapter of {num_samples} s" in card
        assert f"{num_samples} training samples" in card
    with pytest.raises(InvalidSetting, match="neither clean nor teacher"):
        invoke(*arguments, 0, "--from", "first", "--clean", "--out", "other")
    with pytest.raises(InvalidSetting, match="epochs: 0 calibrates an adapter anew, which from"):
        invoke(*arguments, 0, *shape, "--out", "other")


def test_going_on_from_a_head_that_adapts_nothing_is_refused(tmp_path: Path) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--model", model, "--dtype", "float32", "--device"]
    invoke(*arguments, "cpu", "--out", "head")
    with pytest.raises(InvalidSetting, match="from: the adapter must have low-rank updates"):
        invoke(*arguments, "cpu", "--from", "head", "--out", "adapter")


def test_training_learns_from_other_adapters(tmp_path: Path) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    arguments = ["train", "--data", "states", "--model", model, "--dtype", "float32", "--device"]
    arguments += ["cpu", "--epochs", 1, "--clean"]
    shape = ["--layers", "0,1", "--hidden", 8, "--lora-rank", 2, "--lora-layers", 2]
    for seed, name in enumerate(("one", "two")):
        invoke(*arguments, *shape, "--seed", seed, "--out", name)
    taught = ["--teacher", "one", "--teacher", "two"]
    invoke(*arguments, "--from", "one", *taught, "--out", "three")
    card = Path("three/README.md").read_text(encoding="utf-8")
    assert "--from … --epochs 1 --teacher … --teacher … --clean" in card
    invoke(*arguments, "--from", "one", "--out", "alone")
    weights = [Path(f"{name}/adapter.safetensors").read_bytes() for name in ("three", "alone")]
    assert weights[0] != weights[1]
    with pytest.raises(InvalidSetting, match="teacher: it needs lora-rank"):
        invoke(*arguments[:-1], "--teacher", "one", "--out", "head")
    with pytest.raises(InvalidSetting, match="teacher: has layers, rank, num_layers, head_width"):
        invoke(*arguments, *shape, "--lora-rank", 3, "--teacher", "one", "--out", "other")


def test_cleaning_without_updates_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="clean: it needs lora-rank"):
        invoke("train", "--data", "states", "--out", "a", "--clean")


@pytest.mark.parametrize("command", [["data", "build"], ["train"]])
def test_help_gives_an_example(command: list[str]) -> None:
    output = invoke(*command, "--help")
    assert "Examples" in output
    assert f"duologue {' '.join(command)} --" in output


def test_a_source_without_corpora_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no corpus"):
        invoke("data", "build", "--source", "empty", "--out", "states")


def test_layers_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="'last' is no list of layer numbers"):
        invoke("train", "--data", "states", "--out", "adapter", "--layers", "last")


def test_layers_that_the_model_lacks_are_refused(tmp_path: Path) -> None:
    build(Path("states"))
    model = write_tiny_model(tmp_path / "model")
    with pytest.raises(InvalidSetting, match=r"layers: \[2\]; allowed are -1 .* and 0 to 1"):
        invoke("train", "--data", "states", "--out", "a", "--model", model, "--layers", "2")
