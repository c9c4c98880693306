"""Follows a Dockerfile's stages in a folder, without an engine: the same files, the same commands.

What an image has in `/opt` and `/tmp` is in that folder here; its base is this machine.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.images.dockerfile import ROOT, Dockerfile, Ignored, Stage

_PLACES = re.compile(r"(?<![\w./-])/(opt|tmp|build)(?=[/\s\"':]|$)")


@dataclass(slots=True)
class Building:
    """A root folder, and what was put into it."""

    folder: Path
    arguments: dict[str, str] = field(default_factory=dict)
    """As `docker build --build-arg` has them."""
    workdir: str = "/"

    def place(self, text: str) -> str:
        """The text with an image's paths replaced by those here."""
        return _PLACES.sub(lambda found: f"{self.folder}/{found[1]}", text)

    def follow(self, stage: Stage) -> None:
        """All that the stage does."""
        defaults: dict[str, str] = {}
        for each in stage.instructions:
            match each.keyword:
                case "ARG":
                    name, equals, value = each.value.partition("=")
                    if equals:
                        defaults[name] = value
                case "WORKDIR":
                    self.workdir = each.value
                    self._here.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    *sources, target = each.words
                    for source in sources:
                        self._copy(source, target, is_alone=len(sources) == 1)
                case "RUN":
                    self._run(each.value, {**defaults, **self.arguments})
                case other:
                    raise AssertionError(f"a building stage does not know {other}")

    def environment(self, stage: Stage, **changes: str) -> dict[str, str]:
        """What a container of the image has in its environment, and what is set for it."""
        found = {name: self.place(value) for name, value in stage.environment.items()}
        found["PATH"] = found["PATH"].replace("${PATH}", os.environ["PATH"])
        return {**found, "TMPDIR": self.place("/tmp"), **changes}

    @property
    def _here(self) -> Path:
        return Path(self.place(self.workdir))

    def _copy(self, source: str, target: str, *, is_alone: bool) -> None:
        """A file into a folder, or a folder's contents."""
        ignored = Ignored.read(ROOT / ".dockerignore")
        origin = ROOT / source
        goal = self._here / target
        files = [origin] if origin.is_file() else sorted(origin.rglob("*"))
        for path in files:
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and not ignored.has(name):
                inner = path.name if path == origin else path.relative_to(origin).as_posix()
                (goal / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, goal / inner)

    def _run(self, command: str, arguments: Mapping[str, str]) -> None:
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in kept or name.startswith(("PIP_", "SSL_", "REQUESTS_"))
        }
        done = subprocess.run(
            ["sh", "-c", self.place(command)],
            cwd=self._here,
            env={**inherited, **arguments, "PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def built(name: str, folder: Path, **arguments: str) -> tuple[Building, Dockerfile]:
    """The image of that name, built in the folder."""
    text = (ROOT / "helm" / "images" / f"{name}.Dockerfile").read_text(encoding="utf-8")
    building, file = Building(folder, arguments), Dockerfile.parse(text)
    (folder / "tmp").mkdir(parents=True)
    building.follow(file.stage("build"))
    return building, file
