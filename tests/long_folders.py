"""A temporary folder with a path that no socket fits into."""

import tempfile
from pathlib import Path

import pytest

LENGTH = 120


def long_temporary_folder(below: Path, patch: pytest.MonkeyPatch) -> Path:
    """Make it, and have everything use it, also the processes that are started from now on."""
    folder = below / ("t" * max(1, LENGTH - len(str(below))))
    folder.mkdir(parents=True, exist_ok=True)
    patch.setenv("TMPDIR", str(folder))
    patch.setattr(tempfile, "tempdir", None)
    return folder
