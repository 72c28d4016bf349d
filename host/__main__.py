"""``python -m host``: load a bitstream, verify it, and classify photographs on a board."""

from gen.common.start import start

if __name__ == "__main__":
    start("host.cli")
