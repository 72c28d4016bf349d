"""The commands that pages tell their readers to type."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


@dataclass(frozen=True)
class Command:
    """A line of a page, for a shell in the repository's folder."""

    page: Path
    line: str

    @property
    def python(self) -> str:
        """What follows ``uv run python -m``; empty for other programs."""
        match = re.fullmatch(r"uv run python -m (.*)", self.line)
        return match[1] if match else ""

    def __str__(self) -> str:
        return f"{self.page.name}: {self.line}"


def commands() -> list[Command]:
    """Those of all pages, without comments."""
    return [
        Command(page, line)
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for line in re.sub(r"\s+#.*", "", block).splitlines()
    ]
