"""What every image keeps to, by our rules and the linter's; each rule also finds its offence."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.images.dockerfile import DOCKERFILES, IMAGES, ROOT, Dockerfile, Ignored, Instruction

HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"
PINNED = re.compile(r"[\w.-]+\.[a-z]+/[\w./-]+:\d+\.\d+\.\d+[\w.-]*")
SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|credential)")
HOSTS = {"docker.io", "download.pytorch.org"}


def _name(path: Path) -> str:
    return path.name.removesuffix(".Dockerfile")


def offences(text: str) -> Iterator[str]:
    """What is wrong with a Dockerfile, by our own rules."""
    file = Dockerfile.parse(text)
    last, names = file.image, {stage.name for stage in file.stages}
    if "build" not in names or last.name:
        yield "what builds must be a stage of its own, and the image the last one"
    for stage in file.stages:
        if stage.base in names or stage.base == "scratch":
            continue
        if not PINNED.fullmatch(file.base_of(stage)):
            yield f"the base {file.base_of(stage)} is not pinned"
        if "${BASE_DIGEST}" not in stage.base:
            yield f"{stage.base} cannot be pinned by digest"
    if [each.value for each in last.all("USER")] != ["1000:1000"]:
        yield "the user must be 1000:1000, in numbers: a cluster cannot tell who a name is"
    for keyword in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        found = last.all(keyword)
        if len(found) != 1 or found[0].command is None:
            yield f"{keyword} must be there once, in exec form"
    for stage in file.stages:
        for each in stage.instructions:
            yield from _offences_of(each, is_last=stage is last)


def _offences_of(each: Instruction, *, is_last: bool) -> Iterator[str]:
    if each.keyword == "ADD":
        yield "ADD fetches and unpacks: COPY says what comes in"
    if each.keyword in ("ARG", "ENV") and SECRET.search(each.value):
        yield f"{each.keyword} {each.value}: arguments and environment can be read by everybody"
    if each.keyword == "COPY" and is_last and not each.value.startswith("--from="):
        yield f"COPY {each.value}: the image has what a stage built, and no sources"
    if each.keyword == "RUN" and re.search(r"\b(pip|curl|wget) .*http", each.value):
        yield f"RUN {each.value}: what is installed is listed in files"
    for host in re.findall(r"https?://([^/\s\"]+)", each.value):
        if host not in HOSTS:
            yield f"{host} is not a place that everybody can reach"


@pytest.mark.parametrize("file", DOCKERFILES, ids=_name)
def test_rules(file: Path) -> None:
    assert list(offences(file.read_text(encoding="utf-8"))) == []


def test_there_are_images() -> None:
    assert [_name(file) for file in DOCKERFILES] == ["gateway", "node-cpu", "node-cuda"]


@pytest.mark.parametrize(
    ("before", "after", "offence"),
    [
        ("3.11.14-slim-bookworm", "latest", "not pinned"),
        ("3.11.14-slim-bookworm", "3.11", "not pinned"),
        ("FROM ${BASE}${BASE_DIGEST}\n", "FROM ${BASE}\n", "by digest"),
        ("FROM ${BASE}${BASE_DIGEST} AS build", "FROM ${BASE}${BASE_DIGEST} AS x", "of its own"),
        ("USER 1000:1000\n", "", "in numbers"),
        ("USER 1000:1000\n", "USER duologue\n", "in numbers"),
        ("USER 1000:1000\n", "USER 0\n", "in numbers"),
        ('ENTRYPOINT ["duologue"]', "ENTRYPOINT duologue", "exec form"),
        ('CMD ["duologue", "health"', 'CMD "duologue" "health"', "exec form"),
        ("ARG PIP_INDEX_URL", "ARG PIP_TOKEN=abc", "read by everybody"),
        ("COPY --from=build /opt/venv /opt/venv", "COPY . /opt/venv", "no sources"),
        ("COPY helm/images/ helm/images/", "ADD helm/images/ helm/images/", "ADD"),
        ("ARG PIP_INDEX_URL", "ARG PIP_INDEX_URL=https://pypi.corp.example/", "corp.example"),
    ],
)
def test_offences_are_found(before: str, after: str, offence: str) -> None:
    text = (IMAGES / "gateway.Dockerfile").read_text(encoding="utf-8")
    assert before in text
    assert any(offence in found for found in offences(text.replace(before, after)))


def lint(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HADOLINT, "--no-color", "--config", IMAGES / "hadolint.yaml", *files],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_linter_finds_nothing() -> None:
    done = lint(*DOCKERFILES)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    text = (IMAGES / "node-cpu.Dockerfile").read_text(encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(text.replace("# hadolint ignore=DL3008\n", ""))
    done = lint(tmp_path / "Dockerfile")
    assert done.returncode != 0
    assert "DL3008" in done.stdout


def test_the_script_is_one() -> None:
    script = IMAGES / "install.sh"
    assert script.stat().st_mode & 0o111, "it must be executable in the image"
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-n", script], check=True)


def _shared(lines: list[str]) -> list[str]:
    """Without comments and without what makes a kind: names, torch, the compiler that triton needs,
    and the driver's variables."""
    renamed = {
        "node-cuda": "node-cpu",
        "with NVIDIA GPUs": "without a GPU",
        "/opt/tools /opt/venv stays": "/opt/tools /opt/venv",
    }
    return [
        reduce(lambda text, names: text.replace(*names), renamed.items(), line)
        for line in lines
        if not line.startswith(("#", "ARG TORCH_INDEX=", "    NVIDIA_"))
    ]


def test_the_two_kinds_of_node_differ_in_torch_and_driver_only() -> None:
    cpu, cuda = (
        (IMAGES / f"node-{kind}.Dockerfile").read_text(encoding="utf-8").splitlines()
        for kind in ("cpu", "cuda")
    )
    assert _shared(cuda) == _shared(cpu)
    assert "ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu" in cpu


def test_the_version_is_the_projects() -> None:
    for file in DOCKERFILES:
        text = file.read_text(encoding="utf-8")
        assert f"ARG VERSION={version('duologue')}\n" in text
        assert f":{version('duologue')} ." in text, "the example"


@pytest.mark.parametrize(
    "name",
    [
        *(".git/config", ".env", "tests/conftest.py", "docs/README.md", "platform/.env"),
        *(".venv/bin/python", "platform/duologue/__pycache__/a.pyc", "gateway/server.key"),
        "helm/images/gateway.Dockerfile",
    ],
)
def test_what_is_left_out_of_the_context(name: str) -> None:
    assert Ignored.read(ROOT / ".dockerignore").has(name)


@pytest.mark.parametrize(
    "name",
    [
        *("pyproject.toml", "README.md", "LICENSE", "platform/duologue/store/lua/lease.lua"),
        *("helm/images/install.sh", "helm/images/gateway.requirements.txt"),
    ],
)
def test_what_is_in_the_context(name: str) -> None:
    assert not Ignored.read(ROOT / ".dockerignore").has(name)
