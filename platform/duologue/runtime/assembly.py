"""From settings to a model, an engine and what sessions are set up with."""

from dataclasses import dataclass

from duologue.engine.engine import Engine, EngineSettings
from duologue.errors import ModelUnavailable
from duologue.forward.state_head import StateHead
from duologue.model.conversion import Progress, ignore_progress
from duologue.model.loading import LoadedModel, load_model
from duologue.runtime.adapters import load_head
from duologue.session.setup import SessionSetup
from duologue.session.terms import UNTRAINED_THRESHOLDS
from duologue.settings import Settings


@dataclass(frozen=True, slots=True)
class Assembly:
    """A model that is ready to converse."""

    model: LoadedModel
    head: StateHead | None
    engine: Engine
    setup: SessionSetup


def assemble(settings: Settings, progress: Progress = ignore_progress) -> Assembly:
    """Load everything that the settings name.

    Raises ModelUnavailable if something of it is missing or broken, also when the strategy judges
    and no adapter is made for the model.
    """
    chosen = settings.model
    model = load_model(
        chosen.source,
        device=chosen.device,
        dtype=chosen.dtype,
        kernels=chosen.kernels,
        weights=chosen.weights,
        progress=progress,
    )
    head = load_head(chosen.adapter, model)
    setup = SessionSetup(
        tokenizer=model.tokenizer,
        chat=model.chat,
        max_positions=model.geometry.max_positions,
        thresholds=head.thresholds if head is not None else UNTRAINED_THRESHOLDS,
        decoding=settings.decoding,
        sampling=settings.sampling,
        floor=settings.floor.calibrated(head.card.confirm_above if head is not None else None),
        listening=settings.listening,
        max_utterance_chars=settings.sessions.max_utterance_chars,
        knows_languages=True,
    )
    if head is None and setup.strategy.judges:
        raise ModelUnavailable(
            f"no state adapter is known for {model.name}: name one with model.adapter, make one "
            "with `duologue train`, or choose the strategy 'turn', which needs none"
        )
    model.kernels.kernels.pack(model.network)
    limits = EngineSettings(
        kv_bytes=settings.kv.memory_mib << 20,
        host_bytes=settings.kv.host_memory_mib << 20,
        max_rows=settings.forward.max_rows,
        prefill_chunk_rows=settings.forward.prefill_chunk_rows,
    )
    engine = Engine(model, head, limits)
    engine.warm_up()
    return Assembly(model, head, engine, setup)
