"""The boards that firebrick generates for."""

from boards.arty_a7 import ARTY_A7, ARTY_A7_35
from boards.colorlight_i9 import COLORLIGHT_I9
from boards.ecpix5 import ECPIX5_45, ECPIX5_85
from boards.genesys2 import GENESYS2
from boards.kc705 import KC705
from boards.nexys_a7 import NEXYS_A7
from boards.nexys_video import NEXYS_VIDEO
from boards.orangecrab import ORANGECRAB_85
from boards.pynq_z2 import PYNQ_Z2
from boards.ulx3s import ULX3S_85
from boards.zybo_z7 import ZYBO_Z7_20

_XC7 = (ARTY_A7, ARTY_A7_35, NEXYS_A7, NEXYS_VIDEO, GENESYS2, KC705, ZYBO_Z7_20, PYNQ_Z2)
_ECP5 = (ULX3S_85, ECPIX5_85, ECPIX5_45, ORANGECRAB_85, COLORLIGHT_I9)
BOARDS = {board.name: board for board in (*_XC7, *_ECP5)}
"""By the name that ``--board`` takes, the usual choice first."""
