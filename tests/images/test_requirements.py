"""What the images install: pinned as everywhere, all that is needed, and nothing else."""

import json
import subprocess
import sys
import textwrap
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.images.closure import closure, listed, pins, project
from tests.images.dockerfile import IMAGES, ROOT

FILES = sorted(IMAGES.glob("*.requirements.txt"))
KINDS = [file.name.removesuffix(".requirements.txt") for file in FILES]

GATEWAY = """
    import importlib, json, pkgutil, sys
    import duologue.checking, duologue.client, duologue.gateway, duologue.store
    from duologue.cli.main import app
    from duologue.service_settings import TelemetrySettings
    from duologue.telemetry.tracing import Tracing

    needs_more = {"duologue.store.valkey"}
    for package in (duologue.checking, duologue.client, duologue.gateway, duologue.store):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and found.name not in needs_more:
                importlib.import_module(found.name)
    import duologue.configuration, duologue.talk.timeline
    Tracing.start(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1"), "gateway").shutdown()
    for command in ("gateway", "health", "check", "tenants", "sessions", "status", "config"):
        app([command, "--help"], standalone_mode=False)
"""


def _program(refusing: str) -> str:
    """Imports all of the gateway; whatever is in `refusing` is not installed, as it were."""
    return f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refusing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
{textwrap.dedent(GATEWAY)}
loaded = {{name.partition(".")[0] for name in sys.modules}}
print("\\n" + json.dumps(sorted(loaded)))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_versions_are_those_of_the_constraints(kind: str) -> None:
    tested = pins(ROOT / "constraints.txt")
    assert {name: tested.get(name) for name in listed(kind)} == listed(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_in_order(kind: str) -> None:
    assert list(listed(kind)) == sorted(listed(kind))


def test_the_page_says_how_much_the_gateway_has() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"| {len(listed('gateway'))} packages, " in page


def test_a_node_has_what_the_project_depends_on() -> None:
    assert set(listed("node")) | set(listed("torch")) == closure(project())


def test_what_writes_the_bill_is_complete() -> None:
    assert set(listed("bill")) == closure(["cyclonedx-bom"])


def _gateways_own() -> set[str]:
    """Of the project's dependencies, those that the gateway's list has."""
    names = {canonicalize_name(Requirement(each).name) for each in project()}
    return {str(name) for name in names & set(listed("gateway"))}


def test_the_gateways_list_is_complete() -> None:
    own = _gateways_own()
    roots = [each for each in project() if canonicalize_name(Requirement(each).name) in own]
    assert set(listed("gateway")) == closure(roots)


def test_the_gateway_needs_nothing_else_and_all_of_it() -> None:
    owners = {
        module: {canonicalize_name(package) for package in packages}
        for module, packages in packages_distributions().items()
    }
    ours = {*listed("gateway"), "duologue"}
    others = {module for module, packages in owners.items() if not packages & ours}
    assert {"torch", "ray", "numpy", "tokenizers", "transformers"} <= others
    done = subprocess.run(
        [sys.executable, "-c", _program(repr(others))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    used = {package for module in loaded for package in owners.get(module, ())}
    assert _gateways_own() - used == set()
