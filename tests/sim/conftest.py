from tests.generated import tiny_board, tiny_on_ethernet  # noqa: F401
