"""Which state adapter goes with a model."""

from collections.abc import Iterator
from pathlib import Path

from duologue.errors import ModelUnavailable
from duologue.forward.state_head import StateHead, read_card
from duologue.home import expanded
from duologue.model.checkpoint_files import require_no_pointer
from duologue.model.loading import LoadedModel

SHIPPED = Path(__file__).parent.parent / "adapters"
"""The adapters that come with the package, one folder each."""


def load_head(folder: str | None, model: LoadedModel) -> StateHead | None:
    """The adapter in `folder`, or the shipped one that was made for this very model, or none.

    Raises ModelUnavailable when a folder is named that holds none for this model.
    """
    chosen = expanded(folder) if folder is not None else _shipped_for(model.fingerprint)
    if chosen is None:
        return None
    for path in chosen.glob("*.safetensors"):
        require_no_pointer(path)
    return StateHead.load(
        chosen, model.device, geometry=model.geometry, fingerprint=model.fingerprint
    )


def _shipped_for(fingerprint: str) -> Path | None:
    return next((path for path, made_for in _shipped() if made_for == fingerprint), None)


def _shipped() -> Iterator[tuple[Path, str]]:
    for path in sorted(SHIPPED.iterdir()) if SHIPPED.is_dir() else []:
        try:
            yield path, read_card(path).model_fingerprint
        except ModelUnavailable:
            continue
