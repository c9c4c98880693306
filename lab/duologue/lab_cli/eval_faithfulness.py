"""`duologue eval faithfulness`: replies under duo against those of the unmodified model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import model_progress, output
from duologue.lab_cli.eval_terminal import (
    AdapterOption,
    Count,
    bars,
    print_report,
    print_report_json,
)

if TYPE_CHECKING:
    from duologue.evaluation.faithfulness.comparison import Comparison
    from duologue.evaluation.faithfulness.reference import Reference
    from duologue.evaluation.faithfulness.reply import Reply
    from duologue.runtime.assembly import Assembly

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue eval faithfulness --report ./report\n\n"
    "duologue eval faithfulness --report ./report --limit 20 --max-tokens 32\n\n"
    "duologue eval faithfulness --report ./report --prompts mine.txt --model ./my-model "
    "--adapter ./my-adapter"
)


def faithfulness(
    report: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the report.")],
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Prompts, one a line; without it, the 200 that come with it.",
            show_default=False,
        ),
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of each reply at the most.")] = 64,
    limit: Annotated[int, typer.Option(min=0, help="Take the first so many; 0 for all.")] = 0,
    adapter: AdapterOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare replies under duo with the unmodified model's, token for token.

    Greedy, in float32: once in quiet, once while backchannels and background text arrive during the
    reply and are forced to be ignored, and once with the state head deciding about them. Writes
    [b]report.json[/b] and [b]index.html[/b].
    """
    settings = read_options(
        config,
        assignments,
        model__source=model,
        model__device=device,
        model__dtype="float32",
        model__adapter=adapter,
        decoding__strategy="duo",
        decoding__max_reply_tokens=max_tokens,
        sampling__temperature=0.0,
        sampling__repetition_penalty=1.0,
    ).settings
    from duologue.evaluation.faithfulness.prompts import SHIPPED, read_prompts
    from duologue.evaluation.faithfulness.reference import Reference
    from duologue.evaluation.report import make_folder
    from duologue.model.loading import load_model
    from duologue.runtime.assembly import assemble

    texts = read_prompts(prompts or SHIPPED)[: limit or None]
    make_folder(report)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
        unmodified = load_model(
            settings.model.source, device=settings.model.device, dtype="float32", attention="eager"
        )
    reference = Reference(unmodified, assembly.setup)
    with bars() as count:
        advance = count("the unmodified model", len(texts))
        expected = reference.replies(texts, max_tokens, advance)
        comparisons = _compare(assembly, reference, texts, expected, count)
    _write(report, assembly, comparisons, texts, expected)
    if as_json:
        print_report_json(report)
        return
    _print_comparisons(comparisons)
    print_report(report)


def register(parent: typer.Typer) -> None:
    """Add the command."""
    parent.command("faithfulness", epilog=_EPILOG)(faithfulness)


def _compare(
    assembly: "Assembly",
    reference: "Reference",
    prompts: list[str],
    expected: "list[Reply]",
    count: Count,
) -> "list[Comparison]":
    from duologue.engine.engine import Engine
    from duologue.evaluation.faithfulness.comparison import compare
    from duologue.evaluation.faithfulness.course import Course, answer
    from duologue.evaluation.forced import ForcedHead

    assert assembly.head is not None, "duo has a state head"
    head = ForcedHead(assembly.head)
    engine = Engine(assembly.model, head.as_head, assembly.engine.settings)
    comparisons = []
    for course in Course:
        advance = count(f"duo, {course}", len(prompts))
        answers = answer(engine, head, assembly.setup, prompts, course, advance)
        comparisons.append(compare(reference, prompts, expected, answers))
    return comparisons


def _write(
    report: Path,
    assembly: "Assembly",
    comparisons: "list[Comparison]",
    prompts: list[str],
    expected: "list[Reply]",
) -> None:
    from duologue.evaluation.faithfulness.report import faithfulness_json, show_faithfulness
    from duologue.evaluation.page import ReportPage
    from duologue.evaluation.report import run_facts, show_facts, write_report

    facts = run_facts(assembly)
    max_tokens = assembly.setup.decoding.max_reply_tokens
    page = ReportPage(
        "Faithfulness", f"{len(prompts)} prompts, replies of up to {max_tokens} tokens"
    )
    show_faithfulness(page, comparisons, prompts, expected, assembly.model.tokenizer)
    show_facts(page, facts)
    found = faithfulness_json(comparisons, expected, max_tokens)
    write_report(report, {"kind": "faithfulness", "run": facts, "faithfulness": found}, page)


def _print_comparisons(comparisons: "list[Comparison]") -> None:
    from rich.table import Table

    table = Table("heard during the reply", "equal", "tokens", "not cut off", "ignored", box=None)
    for each in comparisons:
        style = "red" if each.departures else "green"
        table.add_row(
            str(each.answers.course),
            f"[{style}]{each.equal}[/{style}]",
            f"{each.num_tokens:,}",
            str(each.whole),
            str(each.ignored),
        )
    output().print(table)
