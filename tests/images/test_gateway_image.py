"""The gateway's image without an engine: installed by its own steps, and started as it starts."""

import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from duologue.service_settings import StoreSettings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from tests.gateway.scripted import World, node
from tests.images.building import Building, built
from tests.images.closure import listed
from tests.images.dockerfile import Dockerfile, Stage
from tests.programs import Program, running

# The first test installs the image's packages: 12 s here, minutes where they have to be fetched.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("gateway image")]

READ_ONLY = Path(__file__).parent / "read_only"
VERSION = version("duologue")
NOT_THERE = ("torch", "ray", "transformers", "tokenizers", "numpy", "pip", "setuptools", "pytest")
OF_THE_LAB = ("duologue.training", "duologue.evaluation", "duologue.lab_cli")


@dataclass(frozen=True, slots=True)
class Image:
    """As the last stage leaves it, with the root file system read-only."""

    building: Building
    file: Dockerfile

    @property
    def stage(self) -> Stage:
        return self.file.image

    def environment(self, **changes: str) -> dict[str, str]:
        writable = {"PYTHONPATH": str(READ_ONLY), "WRITABLE": self.building.place("/tmp/")}
        return self.building.environment(self.stage, **writable, **changes)

    def command(self, *arguments: str) -> list[str]:
        """What a container runs: the arguments, or else CMD, behind ENTRYPOINT."""
        entrypoint, default = self.stage.one("ENTRYPOINT").command, self.stage.one("CMD").command
        assert entrypoint is not None
        assert default is not None
        return [*entrypoint, *(arguments or default)]

    def run(self, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["env", *command],  # looks the command up in the image's own PATH
            env=self.environment(**changes),
            cwd=self.building.place("/tmp"),
            capture_output=True,
            text=True,
            check=False,
        )

    @asynccontextmanager
    async def started(self, **changes: str) -> AsyncIterator[Program]:
        command, environment = self.command(), self.environment(**changes)
        cwd = Path(self.building.place("/tmp"))
        async with running("env", *command, environment=environment, cwd=cwd) as program:
            yield program


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    building, file = built("gateway", tmp_path_factory.mktemp("gateway") / "root")
    # It is copied to the place where it is already.
    assert [each.value for each in file.image.all("COPY")] == ["--from=build /opt/venv /opt/venv"]
    return Image(building, file)


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def where(server: EmbeddedValkey) -> dict[str, str]:
    """What a cluster would set: the store, and a free port."""
    return {"DUOLOGUE_STORE__URL": server.url, "DUOLOGUE_GATEWAY__PORT": "0"}


async def _port(gateway: Program) -> str:
    address = (await gateway.line("gateway listens at ")).split()[3]
    host, _, port = address.rpartition(":")
    assert host == "0.0.0.0", "at every address of the container"
    return port


def test_it_has_what_is_listed_and_duologue(image: Image) -> None:
    program = (
        "import json, sys; from importlib.metadata import distributions\n"
        "print(json.dumps({each.name: each.version for each in distributions()}))\n"
        "from importlib.util import find_spec\n"
        "print(json.dumps([name for name in sys.argv[1:] if find_spec(name)]))"
    )
    told, found = image.run("python", "-c", program, *NOT_THERE, *OF_THE_LAB).stdout.splitlines()
    installed = {canonicalize_name(name): version for name, version in json.loads(told).items()}
    assert installed.pop(canonicalize_name("duologue")) == VERSION
    assert installed == listed("gateway")
    assert json.loads(found) == []


def test_its_bill_of_materials(image: Image) -> None:
    image.building.follow(image.file.stage("billing"))
    assert image.file.stage("bill").one("COPY").value == "--from=billing /opt/bill/ /"
    (file,) = Path(image.building.place("/opt/bill")).iterdir()
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    subject = bill["metadata"]["component"]
    assert (subject["name"], subject["version"]) == ("duologue", VERSION)
    told = {canonicalize_name(each["name"]): each["version"] for each in bill["components"]}
    assert told == listed("gateway")
    assert "grpcio" in told


async def test_it_serves_and_is_healthy(image: Image, where: dict[str, str]) -> None:
    async with image.started(**where) as gateway:
        port = await _port(gateway)
        command = image.stage.one("HEALTHCHECK").command
        assert command is not None
        assert command[-1].endswith(":50051")
        healthy = image.run(*(word.replace(":50051", f":{port}") for word in command))
        assert healthy.returncode == 0, healthy.stderr
        assert healthy.stdout == f"127.0.0.1:{port} (duologue.v1.ConversationService): SERVING\n"
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0, gateway.errors


async def test_it_holds_a_conversation(
    image: Image, where: dict[str, str], server: EmbeddedValkey
) -> None:
    settings = StoreSettings(url=server.url)
    async with (
        await Store.connect(server.url, settings) as store,
        node(World(), store),
        image.started(**where) as gateway,
    ):
        flags = ("--address", f"127.0.0.1:{await _port(gateway)}")
        async with running(
            "env", *image.command("check", *flags), environment=image.environment(**where)
        ) as check:
            assert await check.ended() == 0, check.output
            assert "it works" in check.output
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0, gateway.errors
    traces = Path(image.building.place("/tmp/duologue/traces"))
    assert list(traces.glob("gateway-*")), "traces are written below /tmp"


def test_it_makes_the_first_key(image: Image, where: dict[str, str]) -> None:
    made = image.run(*image.command("tenants", "operator-key"), **where)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("duo_")


def test_what_it_cannot_do_is_said_in_one_line(image: Image) -> None:
    done = image.run(*image.command("model", "show"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "not installed here" in done.stderr
    done = image.run(*image.command("train", "--help"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'duologue[lab]'" in done.stderr


def test_the_root_is_read_only_indeed(image: Image) -> None:
    for place, code in ((image.building.place("/opt/x"), 1), (image.building.place("/tmp/x"), 0)):
        done = image.run("python", "-c", f"open({place!r}, 'w')")
        assert done.returncode == code, done.stderr
        assert ("Read-only file system" in done.stderr) is bool(code)
