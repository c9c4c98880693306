"""Tests of one group run in one process: two clusters of Ray at once do not fit on two cores."""

import pytest


@pytest.mark.xdist_group("grouping")
def test_groups_are_known_to_those_who_share_out_the_tests(request: pytest.FixtureRequest) -> None:
    if not hasattr(request.config, "workerinput"):
        pytest.skip("one process runs them all")
    assert request.node.nodeid.endswith("@grouping")
