"""`duologue trace`: when what happened in a session, and how long it took."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from duologue.cli.options import ConfigOption, SetOption, read_options
from duologue.cli.remote import PANEL

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


_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue trace                        the session that was traced last\n\n"
    "duologue trace ses_w2xv… --no-slices  turns only\n\n"
    "duologue trace ses_w2xv… --json       for programs"
)


def trace(
    session: SessionArgument = None,
    folder: DirOption = None,
    slices: SlicesOption = True,
    lines: LinesOption = 400,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Show a session's trace as a waterfall: turns, slices, and the ticks that carried them.

    Reads the local trace files that are written when there is no collector. Processes write them
    every two seconds, and when they end.
    """
    from rich.console import Console

    from duologue.telemetry.span_files import trace_folder
    from duologue.telemetry.span_reading import newest_session, read_trace
    from duologue.telemetry.waterfall import waterfall

    if folder is None:
        settings = read_options(config, assignments).settings.telemetry
        folder = trace_folder(settings.trace_dir)
    name = session or newest_session(folder)
    rows = read_trace(folder, name)
    if as_json:
        print(json.dumps({"session": name, "spans": [asdict(row) for row in rows]}, indent=2))
        return
    console = Console()
    console.print(f"[b]{name}[/b]  trace {rows[0].trace_id}  {len(rows)} spans", highlight=False)
    console.print(waterfall(rows, width=console.width, slices=slices, max_lines=lines))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EPILOG, rich_help_panel=PANEL)(trace)
