"""How soon an answer begins by the WebSocket door, beside gRPC's, on one platform in one run.

    python -m benchmarks.doors --questions 60

Two people take turns, one by each door: a question with a commit, then the whole answer. What is
taken is the time from the commit to the first text, so both wait for the same ticks and forwards.
Needs the package `openai`, whose client speaks to the WebSocket.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from openai import AsyncOpenAI
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.crowd.platform import free_port, own_platform
from duologue.cli.endpoint import Endpoint
from duologue.cli.remote import open_client
from duologue.client import Conversation, ResponseDelta, ResponseDone

RESULTS = Path(__file__).resolve().parent / "results" / "doors.json"
QUESTIONS = (
    "What is the capital of France?",
    "How many days does a week have?",
    "What colour is the sky?",
    "Who wrote Hamlet?",
)
MAX_REPLY_TOKENS = 8
WARMING = 4
"""Questions to each door before those that count."""
TARGET_MS = 10.0
"""What the WebSocket may add at p95."""

Ask = Callable[[str], Awaitable[float]]
"""Asks, waits for the whole answer, and gives the milliseconds to its first text."""


def doors(
    questions: Annotated[int, typer.Option(min=1, help="To each door.")] = 60,
    results: Annotated[Path, typer.Option(help="JSON file.")] = RESULTS,
    log: Annotated[Path, typer.Option(help="Output of the platform.")] = Path("duologue-up.log"),
) -> None:
    """Ask by both doors in turns, and compare."""
    taken = asyncio.run(_measure(questions, log))
    found = {door: {"p50_ms": _p(times, 0.5), "p95_ms": _p(times, 0.95)} for door, times in
             taken.items()}  # fmt: skip
    more_ms = {name: round(found["websocket"][name] - found["grpc"][name], 1)
               for name in found["grpc"]}  # fmt: skip
    table = Table("door", "p50", "p95", box=None, title="Commit to first text, ms")
    for door, figures in found.items():
        table.add_row(door, *(f"{value:.1f}" for value in figures.values()))
    table.add_row("more", *(f"{value:+.1f}" for value in more_ms.values()))
    console = Console(highlight=False)
    console.print(table)
    verdict = "met" if more_ms["p95_ms"] <= TARGET_MS else "missed"
    console.print(f"target: at most {TARGET_MS:g} ms more at p95: {verdict}")
    report = {"questions": questions, "doors": found, "more": more_ms}
    results.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


async def _measure(questions: int, log: Path) -> dict[str, list[float]]:
    port = free_port()
    settings = [f"gateway.http_port={port}", f"decoding.max_reply_tokens={MAX_REPLY_TOKENS}"]
    async with (
        own_platform(settings, log) as (endpoint, _),
        open_client(endpoint) as client,
        client.converse() as conversation,
        _openai(endpoint, port).realtime.connect(model="default") as connection,
    ):
        asks: dict[str, Ask] = {
            "grpc": lambda text: _by_grpc(conversation, text),
            "websocket": lambda text: _by_websocket(connection, text),
        }
        taken: dict[str, list[float]] = {door: [] for door in asks}
        for number in track(range(WARMING + questions), "asking"):
            for door, ask in asks.items():
                taken[door].append(await ask(QUESTIONS[number % len(QUESTIONS)]))
    return {door: times[WARMING:] for door, times in taken.items()}


def _openai(endpoint: Endpoint, port: int) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=endpoint.api_key)


async def _by_grpc(conversation: Conversation, text: str) -> float:
    begin, first_ms = perf_counter(), None
    await conversation.say(text)
    async for event in conversation:
        match event:
            case ResponseDelta() if first_ms is None:
                first_ms = (perf_counter() - begin) * 1e3
            case ResponseDone():
                break
    assert first_ms is not None, f"no text in answer to {text!r}"
    return first_ms


async def _by_websocket(connection: Any, text: str) -> float:
    begin, first_ms = perf_counter(), None
    await connection.send({"type": "duologue.input_text.append", "text": text})
    await connection.send({"type": "duologue.input_text.commit"})
    async for event in connection:
        if event.type == "error":
            raise RuntimeError(event.error.message)
        if event.type == "response.output_text.delta" and first_ms is None:
            first_ms = (perf_counter() - begin) * 1e3
        if event.type == "response.done":
            break
    assert first_ms is not None, f"no text in answer to {text!r}"
    return first_ms


def _p(times: Sequence[float], share: float) -> float:
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))], 1)


if __name__ == "__main__":
    typer.run(doors)
