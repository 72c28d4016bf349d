"""What MkDocs calls: names in docstrings are shown as names."""

import re
from typing import Any


def on_page_content(html: str, **context: Any) -> str:
    """Take the roles of reStructuredText away that docstrings have in front of names."""
    return re.sub(r":(?:class|func|meth|mod|data|attr):(<code>)[~.]?", r"\1", html)
