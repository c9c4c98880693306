"""What settings may be: each check raises InvalidSetting, naming what was wrong."""

from duologue.errors import InvalidSetting


def check(is_allowed: bool, name: str, allowed: str, value: object) -> None:
    """Raise InvalidSetting unless it is allowed."""
    if not is_allowed:
        raise InvalidSetting(f"must be {allowed}, not {value!r}", field=name)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """One of a few texts."""
    allowed = " or ".join([", ".join(map(repr, choices[:-1])), repr(choices[-1])])
    check(value in choices, name, allowed, value)


def check_range(name: str, value: object, low: int, high: int) -> None:
    """A whole number, both ends allowed."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    allowed = f"a whole number from {low} to {high}"
    check(is_integer and low <= value <= high, name, allowed, value)  # type: ignore[operator]


def check_number(
    name: str, value: object, low: float, high: float, *, or_zero: bool = False
) -> None:
    """A number, both ends allowed; 0 too where that means something of its own."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    allowed = f"{'0 or ' if or_zero else ''}a number from {low:g} to {high:g}"
    is_zero = or_zero and is_number and value == 0
    check(is_zero or (is_number and low <= value <= high), name, allowed, value)  # type: ignore[operator]
