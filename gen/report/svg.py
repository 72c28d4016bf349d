"""Matplotlib's figures as parts of a page: its colours follow the page's, its marks have hints."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from gen.report.words import printable

INK, FAINT, PAPER = "#010101", "#020202", "#030303"
"""Colours that stand for those of the page's text, of its lines, and of its background."""
WORK, REST, LIMIT, WASTE, OTHER = "#040404", "#050505", "#060606", "#070707", "#080808"
"""Those of marks: layers with weights, others, what limits, what is wasted, and a second series."""
_VARIABLES = {
    INK: "ink",
    FAINT: "faint",
    PAPER: "paper",
    WORK: "work",
    REST: "rest",
    LIMIT: "limit",
    WASTE: "waste",
    OTHER: "other",
}
"""The page's variables that say what these colours are, in the dark and in the light."""
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10.5,
    "grid.color": FAINT,
    "hatch.color": PAPER,
    "legend.edgecolor": "none",
    "legend.facecolor": "none",
    "legend.framealpha": 0.0,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "firebrick",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
}
WIDTH = 400
"""Points of a figure's width: about a telephone's, so that its letters are of a readable size."""
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT = (f"{_SVG}metadata", f"{_SVG}style")
"""Elements that are for documents of their own."""
_HINT = "hint"


@dataclass
class Chart:
    """A figure of one set of axes, and what its marks say when pointed at.

    Parameters
    ----------
    name : str
        Of which the page has one.
    described : str
        What it shows, for those who do not see it.
    height : float
        In points.
    """

    name: str
    described: str
    height: float
    hints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.figure = Figure((WIDTH / 72, self.height / 72))
        self.axes = self.figure.add_axes((0, 0, 1, 1))

    def frame(self, left: float, bottom: float, right: float = 22, top: float = 6) -> None:
        """Leave so many points around the axes.

        Parameters
        ----------
        left, bottom, right, top : float
        """
        width, height = (WIDTH - left - right) / WIDTH, (self.height - top - bottom) / self.height
        self.axes.set_position((left / WIDTH, bottom / self.height, width, height))

    def hint(self, mark: Artist, text: str) -> None:
        """Say what a mark is."""
        name = f"{_HINT}{len(self.hints)}"
        mark.set_gid(name)
        self.hints[name] = printable(text)

    def svg(self) -> str:
        """The figure as an element of a page."""
        return themed(_drawn(self.figure), self.name, self.hints, self.described)


def style() -> Any:
    """A context in which figures look as a page's should."""
    return rc_context(STYLE)


def _drawn(figure: Figure) -> str:
    with warnings.catch_warnings(), io.StringIO() as text:
        # The browser has more letters than Matplotlib's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()


def themed(text: str, name: str, hints: Mapping[str, str], described: str) -> str:
    """A figure that Matplotlib has written, as an element of a page.

    Parameters
    ----------
    text : str
        The SVG document.
    name : str
        What its ids begin with, so that they are unique in the page.
    hints : mapping of str
        By ids of marks, what they say when pointed at.
    described : str
        What it shows, for those who do not see it.
    """
    root = ElementTree.fromstring(text)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": described,
        "class": "chart",
    }
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _LEFT_OUT:
                parent.remove(child)
    used = set(re.findall(r"#([\w.-]+)", text))
    for element in root.iter():
        _rename(element, name, hints, used)
    ElementTree.register_namespace("", _SVG[1:-1])
    ElementTree.register_namespace("xlink", _LINK[1:].partition("}")[0])
    return _recoloured(ElementTree.tostring(root, encoding="unicode"))


def _rename(
    element: ElementTree.Element, name: str, hints: Mapping[str, str], used: Collection[str]
) -> None:
    """Give an element an id that the page has once, if it is referred to, or its hint."""
    own = element.attrib.pop("id", None)
    if own is not None and own in hints:
        title = ElementTree.Element(f"{_SVG}title")
        title.text = hints[own]
        element.insert(0, title)
        element.set("class", "mark")
    elif own in used:
        element.set("id", f"{name}-{own}")
    if _LINK in element.attrib:
        element.set("href", f"#{name}-{element.attrib.pop(_LINK)[1:]}")
    for key in ("clip-path", "style"):
        if key in element.attrib:
            element.set(key, element.attrib[key].replace("url(#", f"url(#{name}-"))


def _recoloured(text: str) -> str:
    """The page's colours and font in the place of Matplotlib's."""
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r" *font-family: [^;\"]+;", "", text)
    return re.sub(r' xmlns(:xlink)?="[^"]*"|(?<=>)\s+(?=<)', "", text)
