"""What a model's source can be, and the folder that it stands for."""

from pathlib import Path

from duologue.errors import ModelUnavailable
from duologue.home import expanded
from duologue.model.bundled import prepare_bundled
from duologue.model.checkpoint_files import require_files
from duologue.model.conversion import Progress, ignore_progress
from duologue.model.gguf_parts import gguf_name
from duologue.model.prepared import prepare_gguf

BUNDLED = "bundled"


def model_folder(source: str | Path, progress: Progress = ignore_progress) -> Path:
    """The folder to load from; raises ModelUnavailable if the model or a part of it is missing."""
    if source == BUNDLED:
        return prepare_bundled(progress)
    path = expanded(source)
    if path.is_file() and path.suffix == ".gguf":
        return prepare_gguf(path.absolute(), progress)
    if not path.is_dir():
        raise ModelUnavailable(
            f"there is no model at '{source}'; allowed are '{BUNDLED}', a folder with a Hugging"
            " Face causal language model, and a .gguf file (nothing is downloaded)"
        )
    if not (path / "config.json").is_file():
        raise ModelUnavailable(f"{path} holds no model: there is no config.json in it")
    require_files(path)
    return path.absolute()


def model_name(source: str | Path) -> str:
    """What to call a model in messages and reports."""
    if source == BUNDLED:
        return "SmolLM2-135M-Instruct"
    path = expanded(source).absolute()
    return gguf_name(path) if path.suffix == ".gguf" else path.name
