"""Every alert fires when what it is about happens, and none when all is well."""

import math
from collections.abc import Callable

import pytest

from duologue.cluster_status import Shedding
from duologue.errors import DuologueError
from duologue.gateway.errors import ClusterFull
from tests.telemetry_rules.alerts import RULES, read_rules
from tests.telemetry_rules.evaluation import Scrapes
from tests.telemetry_rules.installation import Installation, node

EVERY = {rule["alert"]: rule for rule in read_rules(RULES.read_text(encoding="utf-8"))}


def firing(scrapes: Scrapes) -> dict[str, int]:
    """The alerts that fire, if it goes on like this, and how many times each."""
    found = {name: scrapes.value(rule["expr"]) for name, rule in EVERY.items()}
    return {name: len(value) for name, value in found.items() if isinstance(value, dict) and value}


def shed(installation: Installation, level: Shedding, *, num: int) -> None:
    for batcher in installation.batchers[:num]:
        batcher.shedding_level.set(list(Shedding).index(level))


def slow_replies(installation: Installation) -> None:
    for _ in range(10):
        installation.metrics.time_to_first_token.observe(1.9)


def slow_yields(installation: Installation) -> None:
    for _ in range(10):
        installation.metrics.yield_latency.observe(1.1)


def slow_openings(installation: Installation) -> None:
    for _ in range(10):
        installation.metrics.open_seconds.labels("new").observe(1.9)


def store_gone(installation: Installation) -> None:
    for _ in range(10):
        installation.gateways[0].store_checked(None, 5000.0)


def slow_store(installation: Installation) -> None:
    for gateway in installation.gateways:
        for _ in range(10):
            gateway.store_checked([node()], 240.0)


def late(installation: Installation) -> None:
    installation.batchers[0].missed_ticks.inc(60)


def full_memory(installation: Installation) -> None:
    batcher = installation.batchers[0]
    batcher.kv_bytes.set(950)
    batcher.cells.labels("used").set(90)
    batcher.cells.labels("free").set(10)


def full_seats(installation: Installation) -> None:
    for batcher in installation.batchers:
        batcher.seats.set(60)


def no_nodes(installation: Installation) -> None:
    for gateway in installation.gateways:
        gateway.store_checked([node(sessions=10), node(is_draining=True)], 2.0)


def expiring(installation: Installation) -> None:
    for whose, days in (("gateway", 80), ("cluster", 6)):
        installation.metrics.certificate_left.labels(whose).set(days * 86_400)


def unhealthy(installation: Installation, num: int) -> None:
    for batcher in installation.batchers[:num]:
        batcher.healthy.set(0)


SCENES: dict[str, tuple[Callable[[Installation], object], set[str]]] = {
    "DuologueFirstTextSlow": (slow_replies, set()),
    "DuologueYieldSlow": (slow_yields, set()),
    "DuologueOpenSlow": (slow_openings, set()),
    "DuologueRejections": (lambda all_: all_.refuse(ClusterFull("full"), 10), set()),
    "DuologueInternalErrors": (lambda all_: all_.refuse(DuologueError("a fault")), set()),
    "DuologueSessionsWait": (lambda all_: all_.metrics.queue_depth.set(3), set()),
    "DuologueStreamsNearLimit": (lambda all_: all_.metrics.streams.set(95), set()),
    "DuologueSessionMovesStorm": (lambda all_: all_.metrics.moves.inc(30), set()),
    "DuologueNoNodeOpen": (no_nodes, set()),
    "DuologueStoreUnreachable": (store_gone, {"DuologueStoreSlow"}),
    "DuologueStoreSlow": (slow_store, set()),
    "DuologueGatewaysAbsent": (lambda all_: all_.gateways.clear(), set()),
    "DuologueCertificateExpires": (expiring, set()),
    "DuologueNoHealthyBatcher": (lambda all_: all_.batchers.clear(), set()),
    "DuologueModelUnserved": (lambda all_: unhealthy(all_, 2), {"DuologueBatcherUnhealthy"}),
    "DuologueBatcherUnhealthy": (lambda all_: unhealthy(all_, 1), set()),
    "DuologueTicksLate": (late, set()),
    "DuologueShedding": (lambda all_: shed(all_, Shedding.REPLY_TOKENS, num=1), set()),
    "DuologueAdmissionClosed": (
        lambda all_: shed(all_, Shedding.ADMISSION, num=4),
        {"DuologueShedding"},
    ),
    "DuologueSeatsNearlyFull": (full_seats, set()),
    "DuologueMemoryNearlyFull": (full_memory, set()),
    "DuologueCellsReclaimed": (lambda all_: all_.batchers[0].kv_reclaims.inc(5), set()),
}


def test_none_fires_when_all_is_well() -> None:
    assert firing(Installation().scrapes()) == {}


def test_every_alert_has_its_scene() -> None:
    assert list(SCENES) == list(EVERY)


@pytest.mark.parametrize("name", SCENES)
def test_an_alert_fires_in_its_scene_and_no_other_does(name: str) -> None:
    installation = Installation()
    happen, also = SCENES[name]
    happen(installation)
    assert set(firing(installation.scrapes())) == {name} | also


@pytest.mark.parametrize(
    "happen",
    [
        lambda all_: all_.refuse(ClusterFull("full")),
        lambda all_: all_.metrics.moves.inc(10),
        lambda all_: shed(all_, Shedding.LOOK_AHEAD, num=4),
        lambda all_: all_.gateways[0].store_checked(None, 5000.0),
        lambda all_: all_.batchers.pop(),
    ],
    ids=["one refusal", "a drain", "look-ahead is left out", "one check", "an actor goes"],
)
def test_what_is_no_trouble_makes_none_fire(happen: Callable[[Installation], object]) -> None:
    installation = Installation()
    happen(installation)
    assert firing(installation.scrapes()) == {}


def test_each_gateway_that_lacks_the_store_is_named() -> None:
    installation = Installation()
    for gateway in installation.gateways:
        for _ in range(10):
            gateway.store_checked(None, 5000.0)
    assert firing(installation.scrapes())["DuologueStoreUnreachable"] == 2


def rate(scrapes: Scrapes, expr: str) -> float:
    value = scrapes.value(expr)
    assert isinstance(value, dict)
    (number,) = value.values()
    return number


def test_the_evaluation_computes_as_prometheus_does() -> None:
    installation = Installation()
    installation.metrics.moves.inc(6)
    scrapes = installation.scrapes()
    assert rate(scrapes, "sum(rate(duologue_session_moves_total[5m]))") == pytest.approx(0.1)
    assert rate(scrapes, "sum(increase(duologue_session_moves_total[5m]))") == pytest.approx(30)
    # All of 0.3 is in the bucket from 0.2 to 0.3: half of it is the middle.
    first = "rate(duologue_time_to_first_token_seconds_bucket[5m])"
    assert rate(scrapes, f"histogram_quantile(0.5, sum by (le) ({first}))") == pytest.approx(0.25)
    resumed = 'rate(duologue_session_open_seconds_bucket{kind="new"}[5m])'
    empty = f"histogram_quantile(0.5, sum by (le) ({resumed} * 0))"
    assert math.isnan(rate(scrapes, empty)), "nothing was observed"
