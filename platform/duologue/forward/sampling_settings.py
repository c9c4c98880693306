"""How a session wants its next tokens chosen; free of torch, for light processes."""

from dataclasses import dataclass

from duologue.errors import InvalidSetting

MAX_TEMPERATURE = 10.0
MIN_TEMPERATURE = 0.01
MAX_SEED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """The usual settings, in the sense that transformers gives them, in its order.

    First `repetition_penalty` divides positive and multiplies negative logits of tokens that were
    said already (1: off), then comes `temperature` (0: always the likeliest token, and the two that
    follow do not matter), then `top_k` likeliest tokens are kept (0: all), and of these the fewest
    that together have a share of `top_p` (1: all). `seed` names the random numbers.

    Raises InvalidSetting, naming the field and what is allowed.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature != 0:
            _check_number("temperature", self.temperature, MIN_TEMPERATURE, MAX_TEMPERATURE, "0 or")
        _check_integer("top_k", self.top_k, 2**31 - 1)
        _check_number("top_p", self.top_p, 0.0, 1.0, "above 0 and")
        if self.top_p <= 0:
            raise InvalidSetting(f"must be above 0, not {self.top_p}", field="top_p")
        _check_number("repetition_penalty", self.repetition_penalty, 0.1, 10.0)
        _check_integer("seed", self.seed, MAX_SEED)

    @property
    def is_greedy(self) -> bool:
        """Whether no random number is used."""
        return self.temperature == 0

    @property
    def has_filter(self) -> bool:
        """Whether unlikely tokens are ruled out."""
        return self.top_k > 0 or self.top_p < 1


def _check_number(name: str, value: object, low: float, high: float, also: str = "") -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Written so that a NaN is refused too.
    if not (is_number and low <= value <= high):  # type: ignore[operator]
        allowed = f"{also} from {low:g} to {high:g}".strip()
        raise InvalidSetting(f"must be {allowed}, not {value!r}", field=name)


def _check_integer(name: str, value: object, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise InvalidSetting(f"must be a whole number from 0 to {high}, not {value!r}", field=name)
