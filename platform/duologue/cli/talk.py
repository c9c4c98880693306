"""`duologue talk`: a conversation with an engine in this process."""

import asyncio

import typer

from duologue.cli.conversing import ScriptOption, StrategyOption, chosen_script, hold
from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import messages, model_progress

_EPILOG = (
    "[b]Examples[/b]\n\n"
    "duologue talk                               type while the model speaks\n\n"
    "duologue talk --script tour                 watch the tour that comes with it\n\n"
    "duologue talk --script my.yaml --strategy turn      the same words, turn by turn\n\n"
    "duologue talk -s decoding.look_ahead_tokens=0       without look-ahead"
)


def talk(
    script: ScriptOption = None,
    strategy: StrategyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Talk with a model in this process: it listens while it speaks, and so may you.

    This is [b]duologue chat[/b] without a platform: the same screen, the same keys, the same
    scripts. A script plays a timed conversation and prints it as a timeline: tick, channel, state
    probabilities, decision, text, and the latency of every reply.
    """
    settings = read_options(
        config,
        assignments,
        model__source=model,
        model__device=device,
        model__dtype=dtype,
        decoding__strategy=strategy,
    ).settings
    from duologue.runtime.assembly import assemble
    from duologue.strategies.registry import speaking_strategy
    from duologue.talk.local import LocalConversations

    speaking_strategy(settings.decoding.strategy)
    chosen = chosen_script(script)
    with model_progress() as progress:
        assembly = assemble(settings, progress)
    messages().print(
        f"{assembly.model.name} on {assembly.model.device} in {assembly.model.dtype}, "
        f"strategy {settings.decoding.strategy}, tick {settings.decoding.tick_ms} ms"
    )
    asyncio.run(hold(LocalConversations(assembly), chosen))


def register(app: typer.Typer) -> None:
    app.command(epilog=_EPILOG)(talk)
