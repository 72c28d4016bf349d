from tests.generated import tiny_board  # noqa: F401
