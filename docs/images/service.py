"""The picture of docs/architecture.md that shows the processes and what goes between them."""

from drawing import FAINT, Picture

PURE, TORCH, EDGE = "#eef6ee", "#fdf3e7", "#eaf1fb"


def service() -> Picture:
    """Processes, streams, and who talks to the store."""
    picture = Picture(860, 420, "The processes of the service")
    picture.text(30, 32, "One conversation's way through the processes", size=16, bold=True)
    columns = (
        (30.0, "client", ("duologue.client,", "or any gRPC stub"), "#ffffff"),
        (240.0, "gateway", ("keys, quotas, resuming;", "no Ray, no torch"), EDGE),
        (450.0, "session actor", ("one live session: Session,", "Chronicle, Host; no torch"), PURE),
        (660.0, "batching actor", ("model, cells, clock;", "one per device"), TORCH),
    )
    for x, name, lines, color in columns:
        _place(picture, x, 84, name, lines, color)
    for x, words in (
        (220.0, "Converse: events"),
        (430.0, "Attach: events"),
        (640.0, "Sit: slices"),
    ):
        picture.line(x - 20, 117, x + 20, 117)
        picture.text(x, 72, words, size=12, anchor="middle")
    _place(picture, 420, 220, "node agent", ("one per node: warm", "actors, draining"), PURE)
    picture.curve(370, 152, 420, 253)
    picture.text(378, 272, "Bind: once per", size=11, anchor="end", color=FAINT)
    picture.text(378, 287, "coming alive", size=11, anchor="end", color=FAINT)
    picture.arrow(520, 218, 154)
    picture.box(30, 330, 800, 50, "#f5f7fa")
    picture.text(42, 350, "store (Redis or Valkey)", bold=True)
    kept = "tenants, sessions, leases with epochs, journals, transcripts, usage, nodes, batchers"
    picture.text(42, 368, kept, size=12, color=FAINT)
    for x, words in ((262.0, "keys, routes"), (612.0, "lease, journal"), (745.0, "announcements")):
        picture.arrow(x, 152, 328)
        picture.text(x + 8, 312, words, size=11, color=FAINT)
    ray = "Ray starts, places, names and restarts the actors and agents; it carries no slices."
    picture.text(30, 404, ray, size=12, color=FAINT)
    return picture


def _place(
    picture: Picture, x: float, y: float, name: str, lines: tuple[str, str], color: str
) -> None:
    picture.box(x, y, 170, 66, color)
    picture.text(x + 12, y + 20, name, bold=True)
    for offset, words in enumerate(lines):
        picture.text(x + 12, y + 39 + 17 * offset, words, size=12, color=FAINT)
