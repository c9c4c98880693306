"""Each code folder is a source root of one namespace package, and none may shadow another module.

An `__init__.py` in `platform/` would hide Python's own `platform` module whenever the checkout is
the working directory (then even `import uuid` dies). One in `<root>/duologue/` would end the
namespace: the other roots' halves of `duologue` could no longer be imported.
"""

import ast
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SERVER = ("platform", "actors", "gateway")
SOURCE_ROOTS = (*SERVER, "protos", "lab")


def _packages(source_root: str) -> set[str]:
    """The packages of a root that are right below the namespace."""
    return {found.parent.name for found in (ROOT / source_root).glob("duologue/*/__init__.py")}


def _imported(module: Path) -> Iterator[str]:
    """All that a module may import, wherever in it: `from a import b` may mean a.b."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


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
        roots = {name.split(".")[0] for name in _imported(module)}
        assert not roots & {"ray", "grpc"}, module


def test_no_package_lies_in_the_lab_and_elsewhere() -> None:
    for source_root in (*SERVER, "protos"):
        assert not _packages(source_root) & _packages("lab")


@pytest.mark.parametrize("source_root", SERVER)
def test_the_server_imports_nothing_of_the_lab(source_root: str) -> None:
    of_the_lab = {("duologue", package) for package in _packages("lab")}
    assert ("duologue", "training") in of_the_lab
    for module in (ROOT / source_root).rglob("*.py"):
        found = {tuple(name.split(".")[:2]) for name in _imported(module)}
        assert not found & of_the_lab, module


def _public_classes(source_root: str) -> Iterator[tuple[str, str]]:
    """Each with the module that defines it; protobuf's own are of another namespace, the API's."""
    for path in sorted((ROOT / source_root).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, str(path.relative_to(ROOT))


def test_the_name_of_a_public_class_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for source_root in (*SERVER, "lab"):
        for name, place in _public_classes(source_root):
            places.setdefault(name, []).append(place)
    assert len(places) > 400
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
