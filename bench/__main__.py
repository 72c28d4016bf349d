"""``python -m bench``: measure what the README claims."""

from gen.common.start import start

if __name__ == "__main__":
    start("bench.cli")
