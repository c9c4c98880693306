"""`duologue trace`: when what happened in a session, and how long it took."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from duologue.cli.options import ConfigOption, SetOption, read_options
from duologue.cli.remote import PANEL
from duologue.errors import InvalidInput

SessionArgument = Annotated[
    str | None,
    typer.Argument(help="Which session; without it, the latest.", metavar="SESSION"),
]
DirOption = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help="Folder with trace files; without it, what [b]telemetry.trace_dir[/b] says.",
        show_default=False,
    ),
]
SlicesOption = Annotated[
    bool,
    typer.Option("--slices/--no-slices", help="Show slices and their ticks."),
]
LinesOption = Annotated[int, typer.Option("--lines", "-n", min=1, help="Spans at most.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the spans as JSON.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write a page for a browser; [b]-[/b] prints it.",
        show_default=False,
    ),
]

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue trace                        the session that was traced last\n\n"
    "duologue trace ses_w2xv… --no-slices  turns only\n\n"
    "duologue trace ses_w2xv… --json       for programs\n\n"
    "duologue trace ses_w2xv… --html page.html   for a browser"
)


def trace(
    session: SessionArgument = None,
    folder: DirOption = None,
    slices: SlicesOption = True,
    lines: LinesOption = 400,
    as_json: JsonOption = False,
    html: HtmlOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Show a session's trace as a waterfall: turns, slices, and the ticks that carried them.

    With [b]--html[/b], as a page: what user and assistant said on a time axis, and why.
    Reads the local trace files that are written when there is no collector. Processes write them
    every two seconds, and when they end.
    """
    from opentelemetry.trace import format_trace_id
    from rich.console import Console

    from duologue.telemetry.span_files import trace_folder
    from duologue.telemetry.span_reading import newest_session, read_trace
    from duologue.telemetry.trace_ids import trace_id_of
    from duologue.telemetry.trace_page.page import trace_page
    from duologue.telemetry.turn_waits import slowest_wait
    from duologue.telemetry.waterfall import waterfall

    if folder is None:
        settings = read_options(config, assignments).settings.telemetry
        folder = trace_folder(settings.trace_dir)
    name = session or newest_session(folder)
    rows = read_trace(folder, name)
    if as_json:
        print(json.dumps({"session": name, "spans": [asdict(row) for row in rows]}, indent=2))
        return
    if html is not None:
        _write_page(html, trace_page(rows, name, slices=slices))
        return
    console = Console()
    trace_id = format_trace_id(trace_id_of(name))
    console.print(f"[b]{name}[/b]  trace {trace_id}  {len(rows)} spans", highlight=False)
    console.print(waterfall(rows, width=console.width, slices=slices, max_lines=lines))
    if (wait := slowest_wait(rows)) is not None:
        at_s = (wait.start_ms - min(row.start_ms for row in rows)) / 1e3
        told = f"slowest reply, to what was said at {at_s:.3f} s: {wait.told()}"
        console.print(told, highlight=False, soft_wrap=True)


def _write_page(path: Path, page: str) -> None:
    """Only its user can read the file, as with the traces: it may hold what was said."""
    if str(path) == "-":
        print(page, end="")
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        raise InvalidInput(f"--html: {path} cannot be written: {error.strerror}") from error
    print(path)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(trace)
