"""How cocotb starts in our simulators: as it does by itself, but without pytest.

cocotb 2.1 imports pytest wherever it runs, for the errors that a test in there may raise and to
rewrite assertions, which would take as long as all else that a simulator starts with. Our benches
tell what they find, and neither skip nor assert.
"""

import sys
from types import ModuleType

START = "tests.harness.light:stand_in"
ENTRIES = (
    START,
    "cocotb.logging:_configure",
    "cocotb._init:init_package_from_simulation",
    "cocotb.regression:_run_regression",
)
"""What is called in a simulator: ours, then cocotb's own but for its coverage of itself."""
_ERRORS = ("raises", "skip", "xfail")
"""What cocotb asks the ``Exception`` of."""
_HOOKS = {"_pytest.assertion": "install_importhook", "_pytest.config": "Config"}
"""What it imports, and does not call where ``COCOTB_REWRITE_ASSERTION_FILES`` is empty."""


def stand_in() -> None:
    """Put modules in pytest's place that hold what cocotb looks up when it is imported."""
    pytest = ModuleType("pytest")
    for name in _ERRORS:
        error = type(name, (BaseException,), {})
        setattr(pytest, name, type(name, (), {"Exception": error}))
    sys.modules["pytest"] = pytest
    for name, member in _HOOKS.items():
        sys.modules[name] = module = ModuleType(name)
        setattr(module, member, None)
    sys.modules["_pytest"] = ModuleType("_pytest")
