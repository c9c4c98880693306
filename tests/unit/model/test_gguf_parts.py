"""GGUF models in several files are loaded whole, or refused naming what is missing."""

import shutil
from pathlib import Path

import gguf
import pytest
import torch

from duologue.errors import ModelUnavailable
from duologue.model.loading import LoadedModel, load_model
from duologue.model.prepared import prepared_folder
from tests.tiny_gguf import write_tiny_gguf

PARTS = [f"tiny-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]


@pytest.fixture(autouse=True)
def cache_in_the_test_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    write_tiny_gguf(tmp_path / "tiny.gguf", tensors_per_part=9)
    found = sorted(tmp_path.glob("*.gguf"))
    assert [path.name for path in found] == PARTS
    return found


def load(source: Path) -> LoadedModel:
    return load_model(source, device="cpu", dtype="float32", attention="eager")


@pytest.mark.parametrize("named", [0, 2])
def test_whichever_part_is_named_the_model_is_whole(
    tmp_path: Path, parts: list[Path], named: int
) -> None:
    model = load(parts[named])
    converted = model.network.state_dict()
    for name, weight in write_tiny_gguf(tmp_path / "whole.gguf").state_dict().items():
        assert torch.equal(converted[name], weight), name
    assert model.name == "tiny"
    assert model.chat.stop_tokens == {2}
    assert not list((tmp_path / "cache").rglob("*.gguf"))
    assert model.fingerprint == load(tmp_path / "whole.gguf").fingerprint


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_part_is_named(parts: list[Path], missing: int) -> None:
    parts[missing].unlink()
    rest = [path for path in parts if path.exists()]
    for path in rest:
        with pytest.raises(ModelUnavailable, match=rf"lacks .*{PARTS[missing]}"):
            load(path)


def test_a_part_under_another_name_is_not_taken_for_the_model(parts: list[Path]) -> None:
    renamed = parts[0].rename(parts[0].with_name("model.gguf"))
    with pytest.raises(ModelUnavailable, match=r"part 1 of 3 .*NAME-00001-of-00003\.gguf"):
        load(renamed)


def test_a_part_of_another_model_is_refused(tmp_path: Path, parts: list[Path]) -> None:
    write_tiny_gguf(tmp_path / "other.gguf", tensors_per_part=5)
    shutil.copy(next(tmp_path.glob("other-00003-of-*.gguf")), parts[2])
    with pytest.raises(ModelUnavailable, match=r"tiny-00003-of-00003.gguf is part 3 of 5"):
        load(parts[0])


def test_parts_whose_number_is_changed_are_refused(parts: list[Path]) -> None:
    shutil.copy(parts[1], parts[2])
    with pytest.raises(ModelUnavailable, match=r"tiny-00003-of-00003.gguf is part 2 of 3"):
        load(parts[0])


def test_another_content_of_a_later_part_is_another_model(
    tmp_path: Path, parts: list[Path]
) -> None:
    before = prepared_folder(parts[0])
    write_tiny_gguf(tmp_path / "tiny.gguf", tensors_per_part=9, seed=3)
    assert prepared_folder(parts[0]) != before
    assert prepared_folder(parts[0]) == prepared_folder(parts[1])


@pytest.mark.parametrize("without", ["blk.1.ffn_up.weight", "output_norm.weight"])
def test_a_weight_that_the_file_lacks_is_not_made_up(tmp_path: Path, without: str) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf", without=[without])
    with pytest.raises(ModelUnavailable, match=r"lacks 1 of its weights: model\.\S+\.weight"):
        load(tmp_path / "tiny.gguf")
    assert not list((tmp_path / "cache").rglob("*.partial"))


def test_a_head_that_is_tied_to_the_embeddings_is_not_missing(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf", without=["output.weight"])
    network = load(tmp_path / "tiny.gguf").network
    head, embeddings = network.get_output_embeddings(), network.get_input_embeddings()
    assert head is not None
    assert torch.equal(head.weight, embeddings.weight)  # type: ignore[arg-type]


def test_a_part_that_lacks_tensors_is_refused(tmp_path: Path, parts: list[Path]) -> None:
    reader = gguf.GGUFReader(parts[2])
    writer = gguf.GGUFWriter(tmp_path / "short.gguf", "llama")
    for name in ("split.no", "split.count", "split.tensors.count"):
        writer.add_key_value(name, reader.fields[name].contents(), reader.fields[name].types[0])
    for tensor in reader.tensors[1:]:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shutil.move(tmp_path / "short.gguf", parts[2])
    with pytest.raises(ModelUnavailable, match="20 of 21 tensors"):
        load(parts[0])
