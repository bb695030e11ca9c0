"""What the x axis of a figure counts."""

from __future__ import annotations

from typing import Literal

XAxis = Literal["steps", "epochs", "row gradients"]
X_AXES: tuple[XAxis, ...] = ("steps", "epochs", "row gradients")
