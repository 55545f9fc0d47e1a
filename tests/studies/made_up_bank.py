"""A bank that nobody trained: levels, effects of seeds and noise are drawn, so that the truth is known."""

from typing import Any

import numpy as np
import pandas as pd

from ganetic.studies.bank import NOT_RECORDED, Bank

STEPS = (0, 50, 100, 150, 200, 250, 300, 350, 400)
START, FLOOR = 550.0, 1.2
ABOUT: dict[str, Any] = {
    "metric": "fd@made-up/2k",
    "start_fd": START,
    "floor_fd": FLOOR,
    "model": "none",
    "data": "made-up:0",
    "seeds": list(range(6)),
    "proxy": {},
    "made_with": {},
}


def made_up_bank(
    training: int = 30, dead: int = 15, seed: int = 0, averaged: bool = False, spread: float = 0.25
) -> Bank:
    """Losses that train differ by ``spread`` in ln fd, seeds by 0.05, and what is left by 0.15.

    The dead have two trainings. The first loss that trains fails on one seed. Where the generator is averaged, the
    trained one swings above it.
    """
    stream = np.random.default_rng(seed)
    count, seeds, steps = training + dead, 6, np.array(STEPS)
    progress = 1 - np.exp(-steps / 120)
    levels = np.where(np.arange(count) < training, 4.4 + spread * stream.normal(size=count), 6.2)
    ends = levels[:, None] + 0.05 * stream.normal(size=seeds) + 0.15 * stream.normal(size=(count, seeds))
    ln_fd = np.log(START) + (ends - np.log(START))[:, :, None] * progress / progress[-1]
    ln_fd[:, :, 1:-1] += 0.05 * stream.normal(size=(count, seeds, len(steps) - 2))
    outcomes = np.full((count, seeds), "completed", dtype="<U20")
    outcomes[0, 1] = "mode_collapse"
    outcomes[training:] = "learnt_nothing"
    outcomes[training:, 2:] = NOT_RECORDED
    ln_fd[training:, 2:] = np.nan
    seconds = np.where(outcomes == NOT_RECORDED, np.nan, 10.0)
    losses = pd.DataFrame(
        {
            "name": [f"loss-{number}" for number in range(count)],
            "origin": ["library" if number in (1, 2) else "random" for number in range(count)],
            "text": [f"sub({number}, log(p))" for number in range(count)],
            "published": [""] * count,
        }
    )
    swings = np.abs(0.3 * stream.normal(size=ln_fd.shape)) * (steps > 0)
    raw = np.exp(ln_fd + swings) if averaged else None
    return Bank.of(losses, STEPS, np.exp(ln_fd), outcomes, seconds, ABOUT, raw)
