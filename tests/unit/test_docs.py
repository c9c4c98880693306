"""The documentation is true: links lead somewhere, named modules exist, examples run as shown.

What it says in words is for readers to check.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import yaml

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
LIBRARY = ROOT / "platform" / "duologue"
BASES = (ROOT, *(ROOT / root / "duologue" for root in ("platform", "actors", "gateway", "lab")))
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
PICTURES = sorted((DOCS / "images").glob("*.svg"))

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
OUTSIDE = ("http://", "https://", "mailto:")
MACHINE_PATH = re.compile(r"(?<![\w.])(/(home|root|tmp|work|Users|mnt|opt|var)/|[A-Z]:\\)")
MODULE = re.compile(r"`([\w./-]+\.py)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _headings(page: Path) -> set[str]:
    """The anchors of a page, as code hosts make them of its headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def _broken_links(page: Path, root: Path = ROOT) -> Iterator[str]:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(OUTSIDE):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        is_inside = found.is_relative_to(root) and found.exists()
        if not is_inside or (anchor and anchor not in _headings(found)):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    assert list(_broken_links(page)) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("# A heading, of sorts\n")
    page.write_text(
        "[1](there.md) ![2](gone.svg) [3](https://example.org) [4](there.md#a-heading-of-sorts)"
        " [5](there.md#none) [6](../outside.md)\n```\n[7](in-code.md)\n```\n"
    )
    (tmp_path.parent / "outside.md").touch()
    broken = list(_broken_links(page, tmp_path))
    assert broken == ["gone.svg", "there.md#none", "../outside.md"]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert MACHINE_PATH.search(page.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_named_modules_exist(page: Path) -> None:
    named = set(MODULE.findall(page.read_text(encoding="utf-8"))) - {"__init__.py"}
    known = {name for name in named for base in BASES if (base / name).is_file()}
    assert sorted(named - known) == []


@pytest.mark.parametrize("base", BASES[1:], ids=_name)
def test_the_list_of_modules_has_them_all(base: Path) -> None:
    named = set(MODULE.findall((DOCS / "modules.md").read_text(encoding="utf-8")))
    modules = {str(path.relative_to(base)) for path in base.rglob("*.py")}
    unlisted = {name for name in modules - named if not name.endswith("__init__.py")}
    assert sorted(unlisted) == []


def test_the_pages_name_modules() -> None:
    assert len(MODULE.findall((DOCS / "architecture.md").read_text(encoding="utf-8"))) > 30
    assert len(MODULE.findall((DOCS / "modules.md").read_text(encoding="utf-8"))) > 100


def test_the_settings_that_pages_name_exist() -> None:
    from duologue.settings import Settings

    settings = Settings()
    values = yaml.safe_load((ROOT / "helm" / "duologue" / "values.yaml").read_text("utf-8"))
    sections = [field.name for field in fields(Settings)]
    for page in PAGES:
        named = re.findall(rf"`({'|'.join(sections)})\.(\w+)`", page.read_text("utf-8"))
        for section, name in named:
            is_module = (LIBRARY / section / f"{name}.py").is_file() or name == "py"
            is_value = name in values.get(section, {})  # of the Helm chart
            is_setting = hasattr(getattr(settings, section), name)
            assert is_module or is_value or is_setting, (page, section, name)


def test_pictures_are_what_the_script_draws(tmp_path: Path) -> None:
    script = DOCS / "images" / "draw.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in PICTURES}
    assert drawn == kept, "run docs/images/draw.py"


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [path.name for path in PICTURES if f"images/{path.name})" not in text] == []


@pytest.mark.parametrize("picture", PICTURES, ids=_name)
def test_pictures_are_readable_on_any_background(picture: Path) -> None:
    svg = ElementTree.parse(picture).getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert "sans-serif" in svg.attrib["font-family"]
    assert svg.find(f"{space}title") is not None
    assert svg.findall(f"{space}text"), "a picture without words"
    sheet = svg.find(f"{space}rect")
    assert sheet is not None
    assert sheet.attrib["fill"] == "#ffffff"
    assert float(sheet.attrib["width"]) >= float(svg.attrib["width"]) - 1


def test_the_worked_example_prints_what_the_page_shows(bundled_float32: "LoadedModel") -> None:
    page = (DOCS / "method.md").read_text(encoding="utf-8")
    lines = _example().story(bundled_float32)
    number = 0

    def slice_number(line: str) -> int:
        nonlocal number
        number += line.startswith("slice ")
        return number

    told = ["\n".join(group) for _, group in groupby(lines, key=slice_number)]
    assert len(told) == 7
    for text in told:
        assert f"```\n{text}\n```" in page, f"docs/method.md does not show:\n{text}"


def _example() -> Any:
    path = DOCS / "examples" / "one_conversation.py"
    spec = importlib.util.spec_from_file_location("one_conversation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
