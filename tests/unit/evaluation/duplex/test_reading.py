"""Scenario files: what they say is read, and what is wrong in them is named with its place."""

from collections import Counter
from pathlib import Path

import pytest

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.acts import FLOOR_KINDS, Act, Expectation
from duologue.evaluation.duplex.playback import Begins, Playback
from duologue.evaluation.duplex.reading import read_scenarios
from duologue.evaluation.duplex.run import chosen_scenarios
from duologue.history import EarlierTurn
from duologue.talk.script import After

GOOD = """
about: an example
defaults: {words_per_minute: 120, max_reply_tokens: 50}
scenarios:
  - name: first
    about: something
    lines:
      - say: Tell me a story.
      - {say: mhm, does: backchannel, after: reply_start, delay_ms: 900}
      - {say: "stop", does: hold, at_ms: 9000, expect: {yield: 500, stay_silent: 1000}}
  - name: second
    max_reply_tokens: 7
    words_per_minute: 60
    lines: [{say: "What is it?", words_per_minute: 200}, {say: "Why?"}]
"""


def write(folder: Path, text: str, name: str = "some.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_scenarios_are_read(tmp_path: Path) -> None:
    first, second = read_scenarios(write(tmp_path, GOOD))
    assert (first.name, first.kind, first.max_reply_tokens) == ("first", Act.HOLD, 50)
    query, backchannel, hold = first.lines
    assert query.does is Act.QUERY
    assert query.words_per_minute == 120
    assert query.expected == Expectation(respond=2000)
    assert (backchannel.after, backchannel.delay_ms) == (After.REPLY_START, 900)
    assert backchannel.expected == Expectation(carry_on=2000)
    assert hold.at_ms == 9000
    assert hold.expected == Expectation(yield_=500, stay_silent=1000)
    assert second.max_reply_tokens == 7
    assert [line.words_per_minute for line in second.lines] == [200, 60]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("first", "third").replace("second", "fourth"), "b.yml")
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, "not a scenario", "notes.txt")
    names = [scenario.name for scenario in read_scenarios(tmp_path)]
    assert names == ["first", "second", "third", "fourth"]


def lines(text: str) -> str:
    return f"scenarios: [{{name: x, lines: [{text}]}}]"


def playback(text: str) -> str:
    return f"scenarios: [{{name: x, playback: {text}, lines: [{{say: hi}}]}}]"


def test_playback_is_read(tmp_path: Path) -> None:
    given = playback("{chars_per_second: 20, begins: reply_done, stops_at: 9, is_declared: false}")
    [scenario] = read_scenarios(write(tmp_path, given))
    wanted = Playback(20, stops_at=9, begins=Begins.REPLY_DONE, is_declared=False)
    assert scenario.playback == wanted
    default = "{defaults: {playback: {}}, scenarios: [{name: x, lines: [{say: hi}]}]}"
    [scenario] = read_scenarios(write(tmp_path, default))
    assert scenario.playback == Playback()


def history(text: str) -> str:
    return f"scenarios: [{{name: x, history: {text}, lines: [{{say: 'No.', does: answer}}]}}]"


def test_a_history_is_read(tmp_path: Path) -> None:
    given = history("[{user: Hello.}, {assistant: 'Do you eat meat?'}]")
    [scenario] = read_scenarios(write(tmp_path, given))
    asked = EarlierTurn("assistant", "Do you eat meat?")
    assert scenario.history == (EarlierTurn("user", "Hello."), asked)
    assert not scenario.is_plain


def test_what_is_usual_for_the_new_kinds(tmp_path: Path) -> None:
    usual = {scenario.kind: scenario.lines[-1].expected for scenario in read_scenarios()}
    assert usual[Act.HESITATION] == Expectation(respond=2000, entries=1, replies=1)
    assert usual[Act.DICTATION] == Expectation(respond=4000, entries=1, replies=1)
    assert usual[Act.GO_ON] == Expectation(resume=1500)
    assert usual[Act.RESUME] == Expectation(resume=2000)
    assert usual[Act.ECHO] == Expectation(carry_on=2000)


def test_plain_scenarios_need_nothing_but_words() -> None:
    by_name = {scenario.name: scenario for scenario in read_scenarios()}
    assert by_name["backchannel-twice"].is_plain
    assert by_name["dictation-phone"].is_plain
    for name in ("continuation-flight", "late-alarm", "echo-five", "playback-in-time"):
        assert not by_name[name].is_plain, name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scenarios: [", "cannot be read as YAML"),
        ("- 1", "must be a mapping with some of: about, defaults, scenarios"),
        ("scenario: []", "scenario is not known; allowed are about, defaults, scenarios"),
        ("scenarios: []", "scenarios must be a list with at least one entry"),
        ("{defaults: {tempo: 3}, scenarios: []}", "defaults: tempo is not known"),
        ("scenarios: [{lines: [{say: hi}]}]", "scenario 1: name is missing"),
        ("scenarios: [{name: '', lines: [{say: hi}]}]", "scenario 1: a scenario needs a name"),
        ("scenarios: [{name: x}]", r"scenario 1 \(x\): lines must be a list"),
        (lines(""), r"scenario 1 \(x\): lines must be a list"),
        (lines("{does: query}"), r"scenario 1 \(x\), line 1: say is missing"),
        (lines("{say: 5}"), "line 1: say must be text, not 5"),
        (lines("{say: hi}, {says: hi}"), "line 2: says is not known; allowed are after, at_ms"),
        (lines("{say: hi, does: ask}"), "line 1: does must be one of query, pause, .*not 'ask'"),
        (lines("{say: hi, after: lunch}"), "after must be one of previous, reply_start, reply_end"),
        (lines("{say: hi, after: reply_end}"), "first line cannot wait for a reply"),
        (lines("{say: hi, delay_ms: -1}"), "delay_ms must be 0 or more, not -1"),
        (lines("{say: hi, delay_ms: 1.5}"), "delay_ms must be a whole number, not 1.5"),
        (lines("{say: hi, at_ms: 1, delay_ms: 1}"), "either at_ms, or after and delay_ms"),
        (lines("{say: hi, words_per_minute: 0}"), "words_per_minute must be from 20 to 600"),
        (lines("{say: hi, does: pause}"), "pause needs a mark"),
        (lines("{say: '| x'}"), "line 1: cannot read"),
        (lines("{say: hi, expect: {answer: 1}}"), "expect: answer is not known"),
        (lines("{say: hi, expect: {respond: 0}}"), r"expect\.respond must be 1 to 60000"),
        (lines("{say: hi, expect: {respond: 1, carry_on: 1}}"), "neither carry_on nor"),
        (lines("{say: hi, expect: {yield: 1, carry_on: 1}}"), "exclude each other"),
        (lines("{say: hi, expect: {resume: 1, respond: 1}}"), "to resume goes with neither"),
        (lines("{say: hi, expect: {entries: -1}}"), r"expect\.entries must be a number from 0"),
        (lines("{say: hi, does: continuation}"), "does: continuation needs a mark '| final 500 |'"),
        (lines("{say: hi, does: hesitation}"), "needs a mark '| pause 900 |' or"),
        (lines("{say: hi, does: late_text}"), "needs a mark '| late 900"),
        (lines("{say: hi}, {say: hi, does: echo}"), "line 2: does: echo needs a mark '| echo 8 |'"),
        (lines("{say: '| echo 5 |', does: echo}"), "first line cannot echo a reply"),
        (lines("{say: hi, does: resume}"), "does: resume is of a line after: reply_start"),
        (lines("{say: hi, does: playback}"), "what was heard is known only with playback"),
        (history("[]"), "history must be a list with at least one entry"),
        (history("[{robot: hi}]"), "history: robot is not known; allowed are assistant, system"),
        (history("[{user: hi, assistant: ho}]"), "history: a turn is one of user, assistant, syst"),
        (history("[{user: 5}]"), "history: user must be text, not 5"),
        (history("[{user: ' '}]"), r"history: config\.history\.text must be more than white space"),
        (playback("{tempo: 3}"), "playback: tempo is not known; allowed are begins, chars_per"),
        (playback("{every_ms: 5}"), "playback: every_ms must be from 20 to 10000, not 5"),
        (playback("{late_ms: x}"), "playback: late_ms must be a whole number, not 'x'"),
        (playback("{begins: soon}"), "begins must be one of at_once, reply_done, not 'soon'"),
        (playback("{is_declared: 1}"), "is_declared must be true or false, not 1"),
        ("scenarios: [{name: x, max_reply_tokens: 0, lines: [{say: hi}]}]", "from 1 to 4096"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidInput, match=complaint) as caught:
        read_scenarios(path)
    assert str(caught.value).startswith(str(path))


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.yaml")
    write(tmp_path, GOOD, "b.yaml")
    with pytest.raises(InvalidInput, match=r"b\.yaml: the name 'first' is taken .*a\.yaml"):
        read_scenarios(tmp_path)


def test_missing_scenarios_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="it is no file and no folder"):
        read_scenarios(tmp_path / "gone")
    with pytest.raises(InvalidInput, match=r"has no \.yaml files"):
        read_scenarios(tmp_path)


def test_shipped_scenarios_cover_every_kind() -> None:
    scenarios = read_scenarios()
    kinds = Counter(scenario.kind for scenario in scenarios)
    assert len(scenarios) >= 240
    assert set(kinds) == set(Act)
    assert min(kinds[kind] for kind in FLOOR_KINDS) >= 8
    assert sum(kinds[kind] for kind in FLOOR_KINDS) >= 88
    assert min(kinds[kind] for kind in set(Act) - set(FLOOR_KINDS)) >= 12
    assert len({line.say for s in scenarios for line in s.lines if line.does is Act.QUERY}) > 100


def test_scenarios_can_be_chosen() -> None:
    scenarios = read_scenarios()
    chosen = chosen_scenarios(scenarios, [Act.HOLD, Act.PAUSE], 2)
    assert [scenario.kind for scenario in chosen] == [Act.HOLD, Act.HOLD, Act.PAUSE, Act.PAUSE]
    assert chosen_scenarios(scenarios) == scenarios
