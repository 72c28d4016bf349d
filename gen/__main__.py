"""``python -m gen``: from a network to the sources of a bitstream, and to files of other forms."""

from gen.common.start import start

if __name__ == "__main__":
    start("gen.cli")
