"""`duologue trace --html`: one page, whole in itself."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duologue.cli import main
from duologue.errors import InvalidInput
from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow
from duologue.telemetry.trace_page import page as page_module
from duologue.telemetry.trace_page.axis import PX_PER_S
from duologue.telemetry.trace_page.page import trace_page
from tests.unit.telemetry.html_outline import Element, Outline
from tests.unit.telemetry.traced import SESSION
from tests.unit.telemetry.written import LATE_TICK, REPLIES, played

EVIL = "<script>alert('x')</script>\"'&<b onload=x>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[SpanRow]:
    return played(folder)


@pytest.fixture(scope="module")
def outline(rows: list[SpanRow]) -> Outline:
    return Outline(trace_page(rows, SESSION))


def title_of(element: Element, outline: Outline) -> str:
    return next(
        each.text for each in outline.named("title") if each.within and each.within[-1] is element
    )


def titles(outline: Outline, class_: str) -> list[str]:
    return [title_of(each, outline) for each in outline.of_class(class_) if each.name == "g"]


def test_nothing_comes_from_afar(rows: list[SpanRow]) -> None:
    page = trace_page(rows, SESSION)
    without_names = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without_names.split("<script>")[0])
    outline = Outline(page)
    assert not [each for each in outline.elements if "src" in each.attributes]
    assert not outline.named("link")


@pytest.mark.parametrize("slices", [True, False])
def test_links_lead_to_places_within_the_page(rows: list[SpanRow], slices: bool) -> None:
    outline = Outline(trace_page(rows, SESSION, slices=slices))
    ids = [each.attributes["id"] for each in outline.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    links = [each.attributes["href"] for each in outline.named("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_only_its_own_style_and_script_may_run(rows: list[SpanRow]) -> None:
    page = trace_page(rows, SESSION)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    for kind in ("style", "script"):
        (inner,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = b64encode(sha256(inner.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]
    assert 'style="' not in page, "the policy forbids it"


def test_the_users_words_stand_where_they_came(outline: Outline, rows: list[SpanRow]) -> None:
    shown = [each for each in outline.of_class("word") if each.name == "text"]
    assert [each.text for each in shown] == ["How?", "How", "is the", "weather?", "And now?"]
    places = [float(each.attributes["x"]) for each in shown]
    assert places == sorted(places)
    turn = next(row for row in rows if row.name == names.TURN)
    came_ms = [event.at_ms for event in turn.events if event.name == names.INPUT_PIECE]
    per_ms = (places[2] - places[1]) / (came_ms[2] - came_ms[1])
    assert per_ms == pytest.approx(PX_PER_S / 1e3, rel=0.01)
    assert places[4] - places[3] < 3000, "a long silence is cut out"
    assert outline.of_class("cut-name")[0].text.startswith("… ")


def test_each_decision_tells_its_reason(outline: Outline) -> None:
    decided = titles(outline, "query")
    assert decided
    for title in decided:
        assert re.search(r"query, probability \d\.\d{3}, had to reach 0\.500", title)
        assert "patience: " in title
        assert "shown at once from 1.010 on" in title
        assert "read from: judged" in title
    (undecided, *_) = titles(outline, "incomplete")
    assert re.search(r"incomplete, query 0\.\d{3}, had to reach 0\.500", undecided)


def test_replies_are_held_withdrawn_and_shown(outline: Outline) -> None:
    (gone,) = titles(outline, "withdrawn")
    assert "withdrawn, and nobody has seen it" in gone
    held = titles(outline, "held")
    assert len(held) == 1, "the other one was found when its pause was over"
    assert "confirmed by: pause" in held[0]
    shown = [title for title in titles(outline, "assistant") if "confirmed" in title]
    assert [reply in title for reply, title in zip(REPLIES[1:], shown, strict=True)] == [True, True]
    assert "first text " in shown[0]
    assert "held for 0 ms\nconfirmed by: final" in shown[1]
    assert len(outline.of_class("latency-name")) == 2


def test_slices_and_ticks_tell_of_their_forwards(outline: Outline, rows: list[SpanRow]) -> None:
    slices = titles(outline, "slice")
    assert len(slices) == len([row for row in rows if row.name == names.SLICE])
    assert re.search(r"\n\d forwards\n", slices[0])
    (late,) = titles(outline, "late")
    assert late.startswith(f"batch.tick {LATE_TICK}, 280 ms, late")
    assert "due after 160 ms" in late
    assert "\ncarried " in late


def test_the_table_says_the_same_in_words(outline: Outline, rows: list[SpanRow]) -> None:
    (body,) = outline.named("tbody")
    for text in ("How is the weather?", "And now?", *REPLIES[1:], "pause", "final"):
        assert text in body.text
    turn = next(row for row in rows if row.name == names.TURN)
    assert f"00-{turn.trace_id}-{turn.span_id}-01" in body.text


def test_texts_are_no_markup(tmp_path: Path) -> None:
    rows = played(tmp_path, question=(EVIL,), replies=(EVIL, EVIL, EVIL))
    page = trace_page(rows, SESSION)
    outline = Outline(page)
    assert len(outline.named("script")) == 1
    assert not outline.named("b")
    assert not [each for each in outline.elements if "onload" in each.attributes]
    assert EVIL in "".join(each.text for each in outline.named("tbody"))


def test_half_a_character_can_be_written(rows: list[SpanRow]) -> None:
    (*_, turn) = (row for row in rows if row.name == names.TURN)
    half = replace(turn, attributes={**turn.attributes, names.INPUT_TEXT: "so \ud83d"})
    assert "so ?" in trace_page([half], SESSION)
    assert trace_page([half], SESSION).encode("utf-8")


def test_texts_that_were_not_recorded_are_said_to_be_missing(tmp_path: Path) -> None:
    rows = played(tmp_path, records_text=False)
    page = trace_page(rows, SESSION)
    assert "weather" not in page
    assert "colder" not in page
    outline = Outline(page)
    (facts,) = outline.of_class("facts")
    assert "not recorded" in facts.text
    heard = titles(outline, "heard")
    assert heard[0] == "heard: 4 characters"


def test_the_same_spans_make_the_same_page(rows: list[SpanRow]) -> None:
    assert trace_page(rows, SESSION) == trace_page(rows, SESSION)


def test_of_very_many_spans_the_last_are_shown(
    rows: list[SpanRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MAX_SPANS", 3)
    page = trace_page(rows, SESSION)
    assert f"{len(rows) - 3} spans before these" in page
    assert "Late ticks" not in page, "what they link to is left out"


def test_slices_can_be_left_out(rows: list[SpanRow]) -> None:
    outline = Outline(trace_page(rows, SESSION, slices=False))
    assert not outline.of_class("slice")
    assert outline.of_class("assistant")


def test_what_is_not_decided_yet_is_a_page_too(rows: list[SpanRow]) -> None:
    opened = [row for row in rows if row.name == names.SESSION_OPEN]
    assert "none has ended yet" in trace_page(opened, SESSION)


def test_the_command_writes_a_file_for_its_user_alone(
    folder: Path, rows: list[SpanRow], tmp_path: Path
) -> None:
    target = tmp_path / "page.html"
    arguments = ["trace", "--dir", str(folder), "--html", str(target)]
    result = CliRunner().invoke(main.app, arguments, catch_exceptions=False)
    assert result.output == f"{target}\n"
    assert target.read_text(encoding="utf-8") == trace_page(rows, SESSION)
    assert target.stat().st_mode & 0o077 == 0


def test_the_command_prints_the_page(folder: Path, rows: list[SpanRow]) -> None:
    arguments = ["trace", "--dir", str(folder), "--html", "-"]
    result = CliRunner().invoke(main.app, arguments, catch_exceptions=False)
    assert result.stdout == trace_page(rows, SESSION)


def test_a_file_that_cannot_be_written_is_one_line(
    folder: Path, rows: list[SpanRow], tmp_path: Path
) -> None:
    assert rows
    arguments = ["trace", "--dir", str(folder), "--html", str(tmp_path / "none" / "page.html")]
    with pytest.raises(InvalidInput, match="cannot be written: No such file"):
        CliRunner().invoke(main.app, arguments, catch_exceptions=False)
