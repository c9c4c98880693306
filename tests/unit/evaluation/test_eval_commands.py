"""`duologue eval` from flags to files, on a tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from duologue.errors import InvalidInput, InvalidSetting, ModelUnavailable
from duologue.lab_cli.eval import app

ROWS: list[dict[str, Any]] = [
    {"text": "what is the capital of france", "label": "query", "category": "question"},
    {"text": "what is the", "label": "incomplete", "category": "cut"},
    {
        "text": "uh-huh",
        "label": "non_query",
        "context": [{"role": "user", "text": "how far is it"}],
        "speaking": True,
    },
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return path


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)


def test_help_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    output = invoke("states", "--help").output
    assert "Examples" in output
    assert "query, non_query, incomplete, hold" in " ".join(output.split())


def test_states_writes_its_report(
    tmp_path: Path, data: Path, tiny_model: Path, tiny_adapter: Path
) -> None:
    report = tmp_path / "made" / "report"
    common: list[str | Path] = [
        "--model",
        tiny_model,
        "--adapter",
        tiny_adapter,
        "--dtype",
        "float32",
    ]
    result = invoke("states", "--data", data, "--report", report, *common)
    assert result.exit_code == 0, "missed targets are no error"
    assert "recall of query" in result.stdout
    assert "index.html" in result.stdout
    found = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert found["states"]["rows"] == 3
    assert found["run"]["model"] == "tiny"
    assert found["run"]["thresholds"] == {"query": 0.4, "non_query": 0.4, "hold": 0.4}
    predictions = (report / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in predictions] == [row["text"] for row in ROWS]
    assert sum(json.loads(predictions[0])["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert "<svg" in (report / "index.html").read_text(encoding="utf-8")
    result = invoke("states", "--data", data, "--report", report, *common, "--json")
    assert json.loads(result.stdout)["states"] == found["states"]


def test_streaming_adds_to_the_report(
    tmp_path: Path, data: Path, tiny_model: Path, tiny_adapter: Path
) -> None:
    common: list[str | Path] = ["--model", tiny_model, "--adapter", tiny_adapter]
    said = ["--streaming", "--alpha", "0,2", "--limit", "2"]
    result = invoke("states", "--data", data, "--report", tmp_path, *common, *said)
    assert "computed early" in result.stdout
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["streaming"]
    assert list(found["alpha"]) == ["0", "2"]
    assert found["texts"] == 2
    courses = (tmp_path / "streaming.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["alpha"] for line in courses] == [0, 0, 2, 2]
    assert "Word by word" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_rates_and_robustness_add_to_the_report(
    tmp_path: Path, data: Path, tiny_model: Path, tiny_adapter: Path
) -> None:
    common: list[str | Path] = ["--model", tiny_model, "--adapter", tiny_adapter]
    more = ["--robustness", "--streaming", "--alpha", "0", "--rates", "150,900"]
    result = invoke("states", "--data", data, "--report", tmp_path, *common, *more)
    assert "shown early" in result.stdout
    assert "decisions changed by trailing" in result.stdout
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(found["states"]["robustness"]) == {
        "trailing blank", "trailing comma", "trailing filler", "capitals",
    }  # fmt: skip
    assert found["states"]["robustness"]["capitals"]["of"] == 3
    assert list(found["rates"]) == ["150", "900"]
    assert found["rates"]["900"]["shown_early_of_turns"]["of"] == 1
    assert found["rates"]["900"]["computed_early_of_words"]["of"] == 5
    assert "By speaking rate" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_rates_that_are_no_times_are_refused(tmp_path: Path, data: Path) -> None:
    for rates in ("fast", "0"):
        with pytest.raises(InvalidSetting, match="rates"):
            invoke("states", "--data", data, "--report", tmp_path, "--streaming", "--rates", rates)


@pytest.mark.parametrize("alpha", ["a", "0,,1", "1,1"])
def test_bad_alphas_are_refused(tmp_path: Path, data: Path, alpha: str) -> None:
    with pytest.raises(InvalidSetting, match="alpha"):
        invoke("states", "--data", data, "--report", tmp_path, "--streaming", "--alpha", alpha)


def test_bad_rows_stop_before_the_model_is_loaded(tmp_path: Path, data: Path) -> None:
    data.write_text('{"text": "hi", "label": "hello"}', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"rows\.jsonl, line 1: label must be one of"):
        invoke("states", "--data", data, "--report", tmp_path / "r", "--model", "nowhere")
    assert not (tmp_path / "r").exists()


def test_adapter_of_another_model_is_refused(tmp_path: Path, data: Path, tiny_model: Path) -> None:
    with pytest.raises(ModelUnavailable, match="adapter"):
        invoke(
            "states", "--data", data, "--report", tmp_path, "--model", tiny_model,
            "--adapter", tmp_path,
        )  # fmt: skip
