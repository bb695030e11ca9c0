"""Where a power law passes to a slower one, the slower one is the rate: what is slower wins in the end.

g = t^(−2) + c/t is steadiest early on, at −2, and yet falls like 1/t. So where what follows a window falls more slowly,
goes on falling as far as to the end, and is no plateau, the late part is preferred if it stands still; if it is still on
its way, the interval has to reach to where it has come, and to where it tends.
"""

from __future__ import annotations

import numpy as np

from convlab.lab.windows import Curve, Grid, Stretch

__all__ = ["CROSSOVER", "goes_on_falling"]
CROSSOVER = "crossover to slower decay"
