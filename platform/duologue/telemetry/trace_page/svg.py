"""Pieces of SVG and HTML. Every text that goes in is escaped here."""

from html import escape


def attributes(told: dict[str, object]) -> str:
    """As they stand in a tag; `class_` is `class`, and an underscore within a name a hyphen."""
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for name, value in told.items()
        if value is not None
    )


def tag(name: str, *inner: str, **told: object) -> str:
    """An element around what is markup already."""
    if inner:
        return f"<{name}{attributes(told)}>{''.join(inner)}</{name}>"
    return f"<{name}{attributes(told)}/>"


def words(text: object) -> str:
    """A text as markup."""
    return escape(str(text))


def label(text: str, x: float, y: float, class_: str = "") -> str:
    """A text in the picture, beginning at this place of its baseline."""
    return tag("text", words(text), x=x, y=y, class_=class_ or None)


def box(x: float, y: float, width: float, height: float, class_: str) -> str:
    """A bar; never too narrow to be seen."""
    return tag("rect", x=x, y=y, width=max(width, 2.0), height=height, rx=2, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def item(
    title: str, *shapes: str, class_: str, id_: str | None = None, is_stop: bool = False
) -> str:
    """Something with a title, which is seen beside the pointer and read aloud.

    A stop is one that the Tab key goes to; the arrow keys go to all.
    """
    return tag(
        "g",
        tag("title", words(title)),
        *shapes,
        class_=f"item {class_}",
        id=id_,
        tabindex=0 if is_stop else -1,
        role="img",
        aria_label=title.replace("\n", "; "),
    )


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
