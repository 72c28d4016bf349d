from tests.generated import tiny_board  # noqa: F401
from tests.host.serve.browser import chromium  # noqa: F401
