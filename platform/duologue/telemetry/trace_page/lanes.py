"""The lanes of the picture, from top to bottom."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureLane:
    title: str
    top_px: float
    height_px: float

    @property
    def bottom_px(self) -> float:
        return self.top_px + self.height_px


def _stacked(*heights: tuple[str, float]) -> tuple[PictureLane, ...]:
    lanes: list[PictureLane] = []
    for title, height_px in heights:
        lanes.append(PictureLane(title, lanes[-1].bottom_px if lanes else 0.0, height_px))
    return tuple(lanes)


LANES = _stacked(
    ("time", 24.0),
    ("user", 82.0),
    ("judged", 92.0),
    ("assistant", 128.0),
    ("slices", 28.0),
    ("ticks", 28.0),
    ("session", 28.0),
)
AXIS, USER, JUDGED, ASSISTANT, SLICES, TICKS, SESSION = LANES
HEIGHT_PX = SESSION.bottom_px
