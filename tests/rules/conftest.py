"""Rules are checked on tiny models, for which one thread is fastest."""

from collections.abc import Iterator

import pytest

from tests.rules.stage import one_thread


@pytest.fixture(autouse=True)
def tiny_models_on_one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    if "bundled_float32" in request.fixturenames:
        yield
        return
    with one_thread():
        yield
