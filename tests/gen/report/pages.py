"""Read pages as a browser does, and complain of what is wrong with them."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
ALONE = {"svg", "path", "rect", "circle", "use", "stop", "line"}
"""Elements inside an SVG may close themselves."""


class Page(HTMLParser):
    """A page: its ids, its references, its text, its tables' rows."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        self._look(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._look(tag, attrs)

    def _look(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append("")
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "action", "data", "srcset"):
                self.references.append(value)

    def handle_endtag(self, tag):
        assert self._open, f"{tag} is not open"
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data

    def row(self, *first: str) -> list[list[str]]:
        """The rows that begin with these cells."""
        return [row for row in self.rows if row[: len(first)] == list(first)]


def digits(text: str) -> float:
    """A number as a page writes it."""
    return float("".join(letter for letter in text if letter in "0123456789.-"))
