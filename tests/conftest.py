"""What all tests share: one profile for properties, and the bundled model, loaded once."""

import os
import signal
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.waiting import bounded

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

# No test may reach for a model hub, and torch is not to fight with the other test workers for
# cores. All this has to be said before the libraries are imported.
os.environ["HF_HUB_OFFLINE"] = "1"
# Ray starts its processes by fork. In a child of a process that has used gRPC, gRPC's handlers
# would start threads before the child has become what it is to be, and now and then it never does.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# Kernels for CUDA devices are played on the processor. Triton reads this when it is imported, which
# torch does by itself.
os.environ["TRITON_INTERPRET"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the suite in the background lets it ignore the interrupt of the keyboard, and
# so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

IN_GOOD_ORDER = 0.8
"""The share of a test's time after which it is broken off where it waits, and clears away."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bound every asynchronous test; pytest-timeout is left for what does not even wait."""
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("timeout")
            limit_s = float(marker.args[0] if marker else item.config.getini("timeout"))
            item.obj = bounded(item.obj, IN_GOOD_ORDER * limit_s)


# Property tests try the same examples in every run, however slow the machine is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def bundled_model_path() -> Path:
    """The folder of the prepared bundled model; the first use on a machine takes 20 s."""
    from duologue.model.bundled import prepare_bundled

    return prepare_bundled()


@pytest.fixture(scope="session")
def bundled_float32(bundled_model_path: Path) -> "LoadedModel":
    """The bundled model on the CPU in float32, with the engine's attention. Not to be changed."""
    from duologue.model.loading import load_model

    return load_model("bundled", device="cpu", dtype="float32")
