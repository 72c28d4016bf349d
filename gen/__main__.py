"""``python -m gen``: from a network to the sources of a bitstream, and to files of other forms."""

from gen.cli import app
from gen.common.console import run_app

if __name__ == "__main__":
    run_app(app)
