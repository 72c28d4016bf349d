"""The boards that firebrick generates for."""

from boards.arty_a7 import ARTY_A7, ARTY_A7_35
from boards.ecpix5 import ECPIX5_85
from boards.genesys2 import GENESYS2
from boards.ulx3s import ULX3S_85

BOARDS = {board.name: board for board in (ARTY_A7, ARTY_A7_35, GENESYS2, ULX3S_85, ECPIX5_85)}
"""By the name that ``--board`` takes, the usual choice first."""
