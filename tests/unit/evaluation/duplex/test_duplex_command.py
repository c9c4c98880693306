"""`duologue eval duplex` from flags to files, on a tiny model with a random head."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duologue.errors import InvalidInput, InvalidSetting
from duologue.lab_cli.eval import app

SCENARIOS = """
scenarios:
  - name: one
    max_reply_tokens: 6
    lines: [{say: tell me}]
  - name: two
    max_reply_tokens: 6
    lines: [{say: um, does: vocal_tic, at_ms: 100}]
"""


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    path = tmp_path / "scenarios.yaml"
    path.write_text(SCENARIOS, encoding="utf-8")
    return path


def invoke(*arguments: str | Path) -> Result:
    given = ["duplex", *(str(each) for each in arguments)]
    return CliRunner().invoke(app, given, catch_exceptions=False)


def test_help_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    output = invoke("--help").output
    assert "Examples" in output
    assert "--forward-ms" in output


def test_strategies_are_reported_side_by_side(
    tmp_path: Path,
    scenarios: Path,
    tiny_model: Path,
    tiny_adapter: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    report = tmp_path / "made" / "report"
    result = invoke(
        "--scenarios", scenarios, "--report", report, "--forward-ms", "20", "--dtype", "float32",
        "--model", tiny_model, "--adapter", tiny_adapter,
        "--strategy", "duo", "--strategy", "turn", "--strategy", "duo",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "joint_score" in result.stdout
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert list(found["strategies"]) == ["duo", "turn"]
    assert found["run"]["forward_ms"] == 20
    names = [scenario["name"] for scenario in found["strategies"]["turn"]["scenarios"]]
    assert names == ["one", "two"]
    assert "<svg" in (report / "index.html").read_text(encoding="utf-8")


def test_a_report_is_printed_for_programs(
    tmp_path: Path, scenarios: Path, tiny_model: Path
) -> None:
    result = invoke(
        "--scenarios", scenarios, "--report", tmp_path / "report", "--forward-ms", "20",
        "--dtype", "float32", "--model", tiny_model, "--strategy", "turn", "--json",
    )  # fmt: skip
    written = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert json.loads(result.stdout) == written


def test_a_strategy_that_judges_nothing_needs_no_head(
    tmp_path: Path, scenarios: Path, tiny_model: Path
) -> None:
    result = invoke(
        "--scenarios", scenarios, "--report", tmp_path / "r", "--forward-ms", "20",
        "--dtype", "float32", "--model", tiny_model, "--strategy", "turn", "--kind", "query",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "1.000 (1/1)" in result.stdout, "the query was answered"


def test_recognition_can_be_held_right_and_turns_committed(
    tmp_path: Path, scenarios: Path, tiny_model: Path
) -> None:
    report = tmp_path / "r"
    result = invoke(
        "--scenarios", scenarios, "--report", report, "--forward-ms", "20", "--dtype", "float32",
        "--model", tiny_model, "--oracle", "--commit",
    )  # fmt: skip
    assert result.exit_code == 0, "no trained head is needed"
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert found["run"]["recognition"] == "held right"
    panel = found["strategies"]["duo"]
    assert panel["figures"]["response_rate"]["value"]["hits"] == 1
    withdrawn = panel["figures"]["shown_withdrawn_per_turn"]
    assert withdrawn == {"value": 0.0, "target": 0.02, "is_met": True, "is_ceiling": True}
    assert panel["figures"]["response_latency_p50"]["value"] is None, "every turn was committed"
    assert panel["figures"]["committed_latency_p50"]["value"] > 0


def test_what_cannot_be_played_stops_before_the_model_is_loaded(
    tmp_path: Path, scenarios: Path
) -> None:
    rest: list[str | Path] = ["--report", tmp_path / "r", "--model", "nowhere"]
    with pytest.raises(InvalidInput, match="no file and no folder"):
        invoke("--scenarios", tmp_path / "gone", *rest)
    with pytest.raises(InvalidSetting, match="strategy must be one of"):
        invoke("--strategy", "duplex", *rest)
    with pytest.raises(InvalidSetting, match="kind must be one of query, pause"):
        invoke("--kind", "cough", *rest)
    with pytest.raises(InvalidInput, match="no scenario is left"):
        invoke("--scenarios", scenarios, "--kind", "hold", *rest)
    assert not (tmp_path / "r").exists()
