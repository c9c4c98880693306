"""Every setting with its default, its unit and what is allowed; plain frozen objects.

Where settings are read from is `configuration.py`'s business. Each section is refused as a whole
(InvalidSetting) if a value of it is out of range; the message names it as `section.name`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from duologue.cluster_settings import ClusterSettings
from duologue.errors import InvalidSetting
from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.forward.sampling_settings import SamplingSettings
from duologue.jwt_settings import JwtSettings
from duologue.service_settings import (
    BatchingSettings,
    GatewaySettings,
    SessionSettings,
    StoreSettings,
    TelemetrySettings,
)
from duologue.setting_checks import check, check_choice, check_number, check_range

StrategyName = Literal["duo", "tdm", "turn", "listen"]
PromotionName = Literal["rebase", "branch"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
SharingName = Literal["tenant", "everyone", "none"]
KernelsName = Literal["auto", "torch", "native", "triton"]
WeightsName = Literal["plain", "int8"]

MODEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
MODEL_NAME_RULE = "1 to 63 letters, digits, '.', '_' or '-', with a letter or digit at both ends"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model runs, where and in which number format."""

    name: str | None = None
    """What sessions call it (`SessionConfig.model`); None takes a name from its source."""
    source: str = "bundled"
    """"bundled", a folder with a Hugging Face causal language model, or a .gguf file."""
    device: str = "auto"
    """"auto" (CUDA where present), "cpu", "cuda", "cuda:1", "mps"."""
    dtype: DtypeName = "auto"
    """"auto": bfloat16 where the device computes in it, otherwise float32."""
    kernels: KernelsName = "auto"
    """What forwards are computed with: "torch", on any device; for Llama-like models "native", C on
    the processor, and "triton", on CUDA devices; "auto": triton on CUDA devices, native where it
    can be had and the model is in bfloat16."""
    weights: WeightsName = "plain"
    """How weights are held: "plain", in the format of `dtype`; "int8", rounded to 8-bit numbers,
    half the memory of bfloat16, which only the native kernels can do."""
    adapter: str | None = None
    """A folder with a state head; None takes the one that is shipped for the model."""
    beside: tuple[str, ...] = ()
    """TOML files of further models that are served beside this one. What such a file sets is laid
    over these settings, but for `model`, of which it has to say all that is to hold."""

    def __post_init__(self) -> None:
        if self.name is not None:
            is_name = MODEL_NAME.fullmatch(self.name) is not None
            check(is_name, "model.name", MODEL_NAME_RULE, self.name)
        check(all(self.beside), "model.beside", "a list of paths", self.beside)
        check(bool(self.source), "model.source", "a name or path", self.source)
        check(bool(self.device), "model.device", "a device or 'auto'", self.device)
        check_choice("model.dtype", self.dtype, get_args(DtypeName))
        check_choice("model.kernels", self.kernels, get_args(KernelsName))
        check_choice("model.weights", self.weights, get_args(WeightsName))
        check(self.adapter != "", "model.adapter", "a path or none", self.adapter)


@dataclass(frozen=True, slots=True)
class KVSettings:
    """The memory for keys and values."""

    memory_mib: int = 4096
    """Budget for the cells of all sessions; beyond it, sessions are refused."""
    host_memory_mib: int = 0
    """Memory of the host into which the cells of silent sessions move when those of a GPU are all
    in use. Without it, such cells are computed again when their session goes on."""
    share_prefixes: SharingName = "tenant"
    """Among whom equal openings (the system prompt) are computed and held once: the sessions of a
    tenant, all sessions ("everyone"), or nobody ("none"). Among all, a caller can tell from the
    time of a first reply whether somebody else has the same instructions."""

    def __post_init__(self) -> None:
        check_range("kv.memory_mib", self.memory_mib, 1, 2**24)
        check_range("kv.host_memory_mib", self.host_memory_mib, 0, 2**24)
        check_choice("kv.share_prefixes", self.share_prefixes, get_args(SharingName))


@dataclass(frozen=True, slots=True)
class ForwardSettings:
    """How much work one merged forward takes on."""

    max_rows: int = 512
    """Rows of all sessions together in one forward."""
    prefill_chunk_rows: int = 128
    """Rows of one session's prefill in one forward; the rest waits, so that nobody stalls."""

    def __post_init__(self) -> None:
        check_range("forward.max_rows", self.max_rows, 1, 2**20)
        check_range("forward.prefill_chunk_rows", self.prefill_chunk_rows, 1, self.max_rows)


@dataclass(frozen=True, slots=True)
class DecodingSettings:
    """How a conversation is held: who has the floor, and when."""

    strategy: StrategyName = "duo"
    """"duo"; "listen", where the caller speaks with a model of its own; or for comparison "tdm"
    (time-division multiplexing), "turn" (turn-based)."""
    promotion: PromotionName = "rebase"
    """What stays of a reply that was cut: "rebase" what was heard of it, "branch" nothing."""
    tick_ms: int = 160
    """Length of a tick; each tick gives a session one slice."""
    look_ahead_tokens: int = 0
    """α: tokens predicted past the input in search of a state; 0 turns it off."""
    reply_tokens_per_slice: int = 4
    """Reply tokens decoded in a slice at the most."""
    reply_tokens_per_second: float = 12.0
    """The pace at which a reply is listened to where no playback is reported, and so computed; 0
    computes it as fast as slices go."""
    reply_ahead_tokens: int = 12
    """So many tokens a reply may be ahead of its listener."""
    reconsider_after_ms: int = 600
    """After this much silence, an undecided utterance is judged again, with lower thresholds."""
    reconsider_scale: float = 0.6
    """The factor by which the thresholds are lowered then."""
    decide_after_ms: int = 1600
    """After this much silence, the likeliest of the states that are acted on decides, unless the
    utterance sounds unfinished (`listening.last_limit_ms`)."""
    continues_within_ms: int = 1200
    """Text this soon after the last one belongs to the same utterance, even if that was decided and
    is being answered; 0 turns it off."""
    context_limit_tokens: int | None = None
    """Length at which the oldest turns leave; None takes what the model can hold."""
    max_reply_tokens: int = 256
    """Length at which a reply is ended."""
    system_prompt: str = "You are a helpful assistant."
    """What the model is told before the first turn; empty for none."""

    def __post_init__(self) -> None:
        check_choice("decoding.strategy", self.strategy, get_args(StrategyName))
        check_choice("decoding.promotion", self.promotion, get_args(PromotionName))
        check_range("decoding.tick_ms", self.tick_ms, 10, 10_000)
        check_range("decoding.look_ahead_tokens", self.look_ahead_tokens, 0, 64)
        check_range("decoding.reply_tokens_per_slice", self.reply_tokens_per_slice, 1, 64)
        per_second = self.reply_tokens_per_second
        check_number("decoding.reply_tokens_per_second", per_second, 0.5, 1000.0, or_zero=True)
        check_range("decoding.reply_ahead_tokens", self.reply_ahead_tokens, 1, 4096)
        check_range("decoding.reconsider_after_ms", self.reconsider_after_ms, 0, 60_000)
        check_range(
            "decoding.decide_after_ms", self.decide_after_ms, self.reconsider_after_ms, 600_000
        )
        check_range("decoding.continues_within_ms", self.continues_within_ms, 0, 60_000)
        check_number("decoding.reconsider_scale", self.reconsider_scale, 0.0, 1.0)
        if self.context_limit_tokens is not None:
            check_range("decoding.context_limit_tokens", self.context_limit_tokens, 256, 2**24)
        check_range("decoding.max_reply_tokens", self.max_reply_tokens, 1, 2**20)


@dataclass(frozen=True, slots=True)
class ReplySamplingSettings(SamplingSettings):
    """How reply tokens are chosen, and texts that end a reply."""

    stop_strings: tuple[str, ...] = ()
    """The reply ends before the first of these; they are not shown."""

    def __post_init__(self) -> None:
        try:
            SamplingSettings.__post_init__(self)
        except InvalidSetting as error:
            raise error.within("sampling") from error
        check(
            all(self.stop_strings) and len(self.stop_strings) <= 16,
            "sampling.stop_strings",
            "at most 16 texts, none of them empty",
            self.stop_strings,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, by section."""

    model: ModelSettings = field(default_factory=ModelSettings)
    kv: KVSettings = field(default_factory=KVSettings)
    forward: ForwardSettings = field(default_factory=ForwardSettings)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    floor: FloorSettings = field(default_factory=FloorSettings)
    listening: ListeningSettings = field(default_factory=ListeningSettings)
    sampling: ReplySamplingSettings = field(default_factory=ReplySamplingSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    batching: BatchingSettings = field(default_factory=BatchingSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    jwt: JwtSettings = field(default_factory=JwtSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
