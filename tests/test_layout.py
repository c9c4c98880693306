"""Each code folder is a source root of one namespace package, and none may shadow another module.

An `__init__.py` in `platform/` would hide Python's own `platform` module whenever the checkout is
the working directory (then even `import uuid` dies). One in `<root>/duologue/` would end the
namespace: the other roots' halves of `duologue` could no longer be imported.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOTS = ("platform", "actors", "gateway", "protos")


@pytest.mark.parametrize("source_root", SOURCE_ROOTS)
def test_namespace_has_no_init(source_root: str) -> None:
    assert not (ROOT / source_root / "__init__.py").exists()
    assert not (ROOT / source_root / "duologue" / "__init__.py").exists()


def test_packages_below_the_namespace_have_an_init() -> None:
    for source_root in SOURCE_ROOTS:
        for module in (ROOT / source_root / "duologue").glob("*/*.py"):
            assert (module.parent / "__init__.py").exists(), f"{module.parent} needs an __init__.py"


def test_standard_library_platform_is_found_from_the_checkout() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import platform, uuid; print(platform.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).parent == Path(sysconfig.get_path("stdlib"))


def test_library_imports_neither_ray_nor_grpc() -> None:
    for module in (ROOT / "platform").rglob("*.py"):
        lines = module.read_text(encoding="utf-8").splitlines()
        imports = [line.split() for line in lines if line.strip().startswith(("import ", "from "))]
        roots = {words[1].split(".")[0] for words in imports}
        assert not roots & {"ray", "grpc"}, module
