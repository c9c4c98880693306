"""What the chart's tests share: the profiles, rendered once."""

from functools import cache

import pytest

from tests.chart.helm import PROFILES, Object, profile, render


@cache
def _rendered(name: str) -> list[Object]:
    return render(profile(name))


@pytest.fixture(params=PROFILES)
def profile_name(request: pytest.FixtureRequest) -> str:
    """Each of the profiles."""
    name: str = request.param
    return name


@pytest.fixture
def objects(profile_name: str) -> list[Object]:
    """The objects of each profile. Not to be changed."""
    return _rendered(profile_name)
