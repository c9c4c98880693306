"""The whole platform with the bundled model, started once for the tests of a module."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from duologue.actors.cluster import LocalCluster
from duologue.actors.foreground import development_key
from duologue.client import Client, connect
from duologue.service_settings import GatewaySettings, SessionSettings
from duologue.settings import DecodingSettings, ModelSettings, Settings
from tests.long_folders import long_temporary_folder
from tests.proxy_sink import ProxySink, swallowing


@dataclass(frozen=True)
class Platform:
    """A running platform and a key to it."""

    cluster: LocalCluster
    api_key: str

    def client(self) -> Client:
        return connect(self.cluster.address, api_key=self.api_key)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Platform]:
    """The platform, for the length of a block."""
    async with LocalCluster(settings) as cluster:
        yield Platform(cluster, await development_key(cluster.store))


def e2e_settings(**sessions: int) -> Settings:
    """Free ports, few actors, short replies, and arithmetic that does not depend on the batch.

    On a busy machine ticks are late and admission closes for a while: then sessions wait.
    """
    return replace(
        Settings(),
        model=ModelSettings(dtype="float32"),
        gateway=GatewaySettings(port=0, http_port=0, queue_ms=120_000),
        sessions=SessionSettings(warm_actors=2, **sessions),
        decoding=DecodingSettings(max_reply_tokens=32, reply_tokens_per_slice=1),
    )


@pytest_asyncio.fixture(scope="module")
async def proxy() -> AsyncIterator[ProxySink]:
    """Where the proxy variables lead, before anything starts."""
    async with swallowing(pytest.MonkeyPatch()) as sink:
        yield sink


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_TMPDIR", raising=False)
        yield long_temporary_folder(tmp_path_factory.mktemp("long"), patch)


@pytest_asyncio.fixture(scope="module")
async def platform(
    bundled_model_path: object, proxy: ProxySink, long_folder: Path
) -> AsyncIterator[Platform]:
    """One batching actor, one node, sessions that fall asleep soon.

    Around it is what people have: a proxy that knows nothing of this machine, a long TMPDIR.
    """
    async with running(e2e_settings(sleep_after_ms=1_500)) as started:
        yield started
