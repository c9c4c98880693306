"""Tiny corpora in each published format, with invented texts."""

import json
from pathlib import Path
from random import Random
from typing import Any

INTENTS = ("weather", "play_music", "transfer", "oos")
TOWNS = ("arden", "belport", "corvale", "dunmore", "elwick", "fairholm", "grayford", "holt")
TASKS = (
    "show me the weather in",
    "play the radio station of",
    "send ten dollars to",
    "book a bus to",
)


def write_clinc150(folder: Path) -> None:
    """CLINC150's `data_full.json`."""
    parts: dict[str, list[list[str]]] = {}
    for number, part in enumerate(("train", "val", "test")):
        parts[part] = [
            [f"{task} {town} {'in the morning ' * (number == 1)}{part} {task[:2]}", INTENTS[index]]
            for index, task in enumerate(TASKS)
            for town in TOWNS
        ]
        parts[part] += [["thanks a lot for that", "thank_you"], ["please stop talking", "cancel"]]
        parts[f"oos_{part}"] = [
            [f"who painted the gates of {town} {part}", "oos"] for town in TOWNS
        ]
    write_json(folder / "data_full.json", parts)


def write_schema_guided(folder: Path) -> None:
    """Schema-Guided Dialogue's `train/dialogues_001.json` and `dev/dialogues_001.json`."""
    for part in ("train", "dev"):
        dialogues = [
            {
                "dialogue_id": f"1_{number:05}",
                "services": ["Buses_1"],
                "turns": [
                    turn("USER", f"I need a bus to {town} for {part}.", "INFORM_INTENT", "INFORM"),
                    turn("SYSTEM", "On which day would you like to leave?", "REQUEST"),
                    turn("USER", f"On day {number} please, {part}.", "INFORM"),
                    turn("SYSTEM", f"There is one at noon from {town}.", "OFFER"),
                    turn("USER", f"No, I want a later one from {town}.", "NEGATE", "INFORM"),
                    turn("SYSTEM", "There is one at five.", "OFFER"),
                    turn("USER", f"Sounds good, thanks from {town} {part}.", "THANK_YOU"),
                ],
            }
            for number, town in enumerate(TOWNS)
        ]
        write_json(folder / part / "dialogues_001.json", dialogues)
    write_json(folder / "train" / "schema.json", [{"service_name": "Buses_1"}])


def turn(speaker: str, utterance: str, *acts: str) -> dict[str, Any]:
    """One published turn."""
    actions = [{"act": act, "slot": "", "values": []} for act in acts]
    return {"speaker": speaker, "utterance": utterance, "frames": [{"actions": actions}]}


def write_mrda(folder: Path) -> None:
    """MRDA's meeting files, one for training and one for validation."""
    for part, meeting in (("train", "Bed001"), ("val", "Bed002")):
        lines = []
        for number, town in enumerate(TOWNS):
            lines += [
                f"fe016|we moved the {part} sensor over to {town} last spring.|S|s|s",
                "me011|uhhuh.|B|b|b",
                f"me011|but when the {part} results from {town} are|D|s|s",
                f"fe016|so is {number} enough?|Q|qy|qy",
                "fe016|um|F|fh|fh",
            ]
        path = folder / part / f"{meeting}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sentences(folder: Path) -> None:
    """Sentences as JSON Lines of `text` alone."""
    rng = Random(0)
    things = ("canal", "abbey", "mill", "railway", "bishop", "treaty", "glacier")
    rows = [
        {"text": f"the {rng.choice(things)} of {town} was described in {1700 + year}"}
        for town in TOWNS
        for year in range(0, 200, 9)
    ]
    write_rows(folder / "sentences.jsonl", rows)


def write_all(folder: Path) -> None:
    """Every corpus below one folder."""
    write_clinc150(folder / "clinc")
    write_schema_guided(folder / "sgd")
    write_mrda(folder / "mrda")
    write_sentences(folder)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """One JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
