"""The boards that firebrick generates for."""

from boards.arty_a7 import ARTY_A7, ARTY_A7_35
from boards.genesys2 import GENESYS2

BOARDS = {board.name: board for board in (ARTY_A7, ARTY_A7_35, GENESYS2)}
"""By the name that ``--board`` takes, the usual choice first."""
