"""How commands take lengths of time and days."""

import re
from datetime import date, datetime, timedelta

import typer

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def seconds_of(text: str) -> float:
    """ "90s", "30m", "12h", "90d" or "4w"; raises BadParameter."""
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} must be like 90s, 30m, 12h, 90d or 4w")
    return float(int(found[1]) * _UNITS_S[found[2]])


def day_of(text: str, today: date) -> date:
    """ "2026-11-29", or so long before today: "7d", "4w"; raises BadParameter."""
    if re.fullmatch(r"\d{1,9}[dw]", text.strip()):
        try:
            return today - timedelta(seconds=seconds_of(text))
        except OverflowError:
            return date(1970, 1, 1)
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError:
        raise typer.BadParameter(f"{text!r} must be like 2026-11-29, 7d or 4w") from None
