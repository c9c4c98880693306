"""Every name is documented, and none stands for two things."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


def collected() -> list[Metric]:
    kinds = (GatewayMetrics, BatcherMetrics)
    return [metric for kind in kinds for metric in kind().registry.collect()]


def test_every_metric_is_in_the_operators_guide() -> None:
    guide = OPERATIONS.read_text(encoding="utf-8")
    for metric in collected():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert f"`{name}" in guide, name


def test_every_span_is_in_the_operators_guide() -> None:
    guide = OPERATIONS.read_text(encoding="utf-8")
    for span in (
        names.SESSION_OPEN,
        names.SESSION_RECOVER,
        names.SESSION_CLOSE,
        names.TURN,
        names.RESPONSE_REST,
        names.SLICE,
        names.BATCH_TICK,
        names.RELAY_REPLY,
        names.JOURNAL_WRITE,
    ):
        assert f"`{span}`" in guide


def test_no_name_stands_for_two_things() -> None:
    values = [value for value in vars(names).values() if isinstance(value, str)]
    texts = [value for value in values if value != names.__doc__]
    repeated = {text for text in texts if texts.count(text) > 1}
    assert repeated <= {names.__name__, "duologue.telemetry"}


def test_every_metric_that_is_named_exists() -> None:
    named = {value for value in vars(names).values() if str(value).startswith("duologue_")}
    assert named == {metric.name for metric in collected()}
