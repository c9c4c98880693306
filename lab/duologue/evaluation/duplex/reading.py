"""Reads scenarios from YAML files; `docs/scenarios.md` describes the format."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.acts import Act, Expectation
from duologue.evaluation.duplex.playback import Begins, Playback
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.history import EarlierTurn, check_history
from duologue.speaker import FOR_CLIENTS
from duologue.talk.script import After

_Choice = TypeVar("_Choice", bound=StrEnum)

SHIPPED = Path(__file__).parent / "scenarios"
"""The scenarios that come with the package."""

_FILE_KEYS = frozenset({"about", "defaults", "scenarios"})
_DEFAULT_KEYS = frozenset({"words_per_minute", "max_reply_tokens", "playback"})
_SCENARIO_KEYS = frozenset(
    {"name", "about", "history", "lines", "words_per_minute", "max_reply_tokens", "playback"}
)
_HISTORY_KEYS = frozenset(map(str, FOR_CLIENTS))
_LINE_KEYS = frozenset({"say", "does", "at_ms", "after", "delay_ms", "words_per_minute", "expect"})
_WINDOWS = ("respond", "yield", "carry_on", "stay_silent", "resume")
_COUNTS = ("entries", "replies", "heard")
_EXPECT_KEYS = frozenset({*_WINDOWS, *_COUNTS})
_PLAYBACK_KEYS = frozenset(entry.name for entry in fields(Playback))
_MOST = 60_000
_SUFFIXES = frozenset({".yaml", ".yml"})


def read_scenarios(source: Path = SHIPPED) -> list[Scenario]:
    """The scenarios of a file, or of all YAML files in a folder, in the order of their names.

    Raises InvalidInput, which names the file, the scenario and the line.
    """
    files = [source] if source.is_file() else _files_in(source)
    scenarios = [scenario for file in files for scenario in _read_file(file)]
    seen: dict[str, str] = {}
    for each in scenarios:
        if each.name in seen:
            raise InvalidInput(
                f"{each.file}: the name {each.name!r} is taken by a scenario in {seen[each.name]}"
            )
        seen[each.name] = each.file
    return scenarios


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidInput(f"there are no scenarios at {folder}: it is no file and no folder")
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if not files:
        raise InvalidInput(f"{folder} has no .yaml files with scenarios")
    return files


def _read_file(path: Path) -> Iterator[Scenario]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} cannot be read as YAML: {error}") from error
    top = _mapping(content, _FILE_KEYS, str(path))
    defaults = _mapping(top.get("defaults") or {}, _DEFAULT_KEYS, f"{path}, defaults")
    entries = _list(top.get("scenarios"), f"{path}: scenarios")
    for number, entry in enumerate(entries, start=1):
        yield _scenario(entry, defaults, path, number)


def _scenario(entry: Any, defaults: Mapping[str, Any], path: Path, number: int) -> Scenario:
    named = entry.get("name") if isinstance(entry, Mapping) else None
    place = f"{path}, scenario {number}" + (f" ({named})" if named else "")
    given = {**defaults, **_mapping(entry, _SCENARIO_KEYS, place)}
    rate = given.pop("words_per_minute", None)
    lines = [
        _line(line, rate, f"{place}, line {at}")
        for at, line in enumerate(_list(given.pop("lines", None), f"{place}: lines"), start=1)
    ]
    _check_has(given, "name", place)
    _check_kinds(given, {"max_reply_tokens": int, "name": str, "about": str}, place)
    if "history" in given:
        given["history"] = _history(given["history"], f"{place}: history")
    if given.get("playback") is not None:
        given["playback"] = _playback(given["playback"], f"{place}: playback")
    try:
        return Scenario(lines=tuple(lines), file=str(path), **given)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from error


def _history(entries: Any, place: str) -> tuple[EarlierTurn, ...]:
    said = [_mapping(entry, _HISTORY_KEYS, place) for entry in _list(entries, place)]
    for turn in said:
        if len(turn) != 1:
            raise InvalidInput(f"{place}: a turn is one of user, assistant, system, and its text")
        _check_kinds(turn, dict.fromkeys(_HISTORY_KEYS, str), place)
    try:
        turns = tuple(EarlierTurn(role, text) for turn in said for role, text in turn.items())
        check_history(turns)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from error
    return turns


def _line(entry: Any, rate: int | None, place: str) -> Line:
    given = dict(_mapping(entry, _LINE_KEYS, place))
    if rate is not None:
        given.setdefault("words_per_minute", rate)
    _check_has(given, "say", place)
    numbers = dict.fromkeys(("at_ms", "delay_ms", "words_per_minute"), int)
    _check_kinds(given, {"say": str, **numbers}, place)
    if "does" in given:
        given["does"] = _choice(Act, given["does"], f"{place}: does")
    if "after" in given:
        given["after"] = _choice(After, given["after"], f"{place}: after")
    if "expect" in given:
        given["expect"] = _expectation(given["expect"], f"{place}: expect")
    try:
        return Line(**given)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from error


def _expectation(entry: Any, place: str) -> Expectation:
    given = _mapping(entry, _EXPECT_KEYS, place)
    for name in _WINDOWS:
        if name in given and not _is_count(given[name], 1):
            raise InvalidInput(
                f"must be 1 to {_MOST} milliseconds, not {given[name]!r}", field=f"{place}.{name}"
            )
    for name in _COUNTS:
        if name in given and not _is_count(given[name], 0):
            raise InvalidInput(
                f"must be a number from 0 to {_MOST}, not {given[name]!r}", field=f"{place}.{name}"
            )
    if "respond" in given and {"carry_on", "stay_silent"} & set(given):
        raise InvalidInput(f"{place}: to respond goes with neither carry_on nor stay_silent")
    if "yield" in given and "carry_on" in given:
        raise InvalidInput(f"{place}: yield and carry_on exclude each other")
    if "resume" in given and {"respond", "yield"} & set(given):
        raise InvalidInput(f"{place}: to resume goes with neither respond nor yield")
    return Expectation(**{"yield_" if name == "yield" else name: n for name, n in given.items()})


def _playback(entry: Any, place: str) -> Playback:
    given = dict(_mapping(entry, _PLAYBACK_KEYS, place))
    if "begins" in given:
        given["begins"] = _choice(Begins, given["begins"], f"{place}: begins")
    is_declared = given.pop("is_declared", True)
    if not isinstance(is_declared, bool):
        raise InvalidInput(f"{place}: is_declared must be true or false, not {is_declared!r}")
    _check_kinds(given, dict.fromkeys(_PLAYBACK_KEYS - {"begins", "is_declared"}, int), place)
    try:
        return Playback(is_declared=is_declared, **given)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error}") from error


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST


def _mapping(content: Any, allowed: frozenset[str], place: str) -> Mapping[str, Any]:
    names = ", ".join(sorted(allowed))
    if not isinstance(content, Mapping):
        raise InvalidInput(f"{place} must be a mapping with some of: {names}")
    strange = [str(key) for key in content if key not in allowed]
    if strange:
        raise InvalidInput(f"{place}: {', '.join(strange)} is not known; allowed are {names}")
    return content


def _list(content: Any, place: str) -> list[Any]:
    if not isinstance(content, list) or not content:
        raise InvalidInput(f"{place} must be a list with at least one entry")
    return content


def _check_has(given: Mapping[str, Any], name: str, place: str) -> None:
    if name not in given:
        raise InvalidInput(f"{place}: {name} is missing")


def _check_kinds(given: Mapping[str, Any], kinds: Mapping[str, type], place: str) -> None:
    for name, kind in kinds.items():
        value = given.get(name)
        if name in given and (not isinstance(value, kind) or isinstance(value, bool)):
            wanted = "a whole number" if kind is int else "text"
            raise InvalidInput(f"{place}: {name} must be {wanted}, not {value!r}")


def _choice(kind: type[_Choice], value: Any, place: str) -> _Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidInput(f"{place} must be one of {', '.join(kind)}, not {value!r}") from error
