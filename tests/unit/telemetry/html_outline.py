"""A page as a strict reader sees it: every element is closed, and in order."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img"}


@dataclass(slots=True)
class Element:
    name: str
    attributes: dict[str, str]
    text: str = ""
    """All the text within it."""
    within: list["Element"] = field(default_factory=list)
    """The elements around it, the outermost first."""

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())


class Outline(HTMLParser):
    """All elements of a page in order; asserts that they are nested."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert not self._open, [each.name for each in self._open]

    def named(self, name: str) -> list[Element]:
        return [each for each in self.elements if each.name == name]

    def of_class(self, class_: str) -> list[Element]:
        return [each for each in self.elements if class_ in each.classes]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        assert len(told) == len(attrs), f"an attribute stands twice: {attrs}"
        element = Element(tag, told, within=list(self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].name == tag, f"</{tag}> closes <{self._open[-1].name}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
