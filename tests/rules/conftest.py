"""One thread: the fastest for tiny matrices, and the most that a test may take among others."""

from collections.abc import Iterator

import pytest

from tests.rules.stage import one_thread


@pytest.fixture(autouse=True)
def _on_one_thread() -> Iterator[None]:
    with one_thread():
        yield
