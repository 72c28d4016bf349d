"""Settings of the whole test suite."""


def pytest_configure(config):
    # A component whose constructor refuses its parameters is never elaborated, and rightly so.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")
