"""Learning rate as a function of the step."""

import math
from typing import Literal

Schedule = Literal["cosine", "inverse_sqrt", "plateau", "constant"]


def learning_rate(
    schedule: Schedule,
    peak: float,
    step: int,
    warmup_steps: int,
    total_steps: int,
    halvings: int = 0,
) -> float:
    """The rate of a step, counted from 0.

    All schedules rise linearly over `warmup_steps`. Then "cosine" (Loshchilov and Hutter 2017,
    https://arxiv.org/abs/1608.03983, one cycle) falls to 0 at `total_steps`, "inverse_sqrt"
    (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, eq. 3) falls with the root of the step,
    "plateau" halves `halvings` times, "constant" stays.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "cosine":
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return peak * (1 + math.cos(math.pi * progress)) / 2
    if schedule == "inverse_sqrt":
        return peak * math.sqrt(max(1, warmup_steps) / (step + 1))
    if schedule == "plateau":
        return peak * 0.5**halvings
    return peak
