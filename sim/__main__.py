"""``python -m sim``: whole frames through the emitted design, and how well a network does."""

from gen.common.start import start

if __name__ == "__main__":
    start("sim.cli")
