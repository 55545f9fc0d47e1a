"""Calibrations with a known answer: traces made of planted loss effects, seed effects and noise."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ganetic.evolution.calibration import Calibration, Conditions, ReferenceTraining
from ganetic.training.result import TrialState
from ganetic.training.spec import ProxySpec

START = 500.0
CHECKPOINTS = (25, 50, 100, 200, 400)


def conditions(names: Sequence[str], checkpoints: tuple[int, ...] = CHECKPOINTS) -> Conditions:
    return Conditions(
        metric="fd@planted-cnn64/2k",
        data="planted:0123456789ab",
        proxy=ProxySpec(),
        checkpoints=checkpoints,
        losses={name: f"formula of {name}" for name in names},
    )


def calibration_of(
    log_fd: Mapping[str, NDArray[np.float64]],
    failed: Sequence[tuple[str, int]] = (),
    checkpoints: tuple[int, ...] = CHECKPOINTS,
    seconds: float = 8.0,
) -> Calibration:
    """A calibration of ln fd, ``(seeds, checkpoints)`` by loss, some of whose (loss, seed) failed at the end."""
    return Calibration(
        conditions=conditions(list(log_fd), checkpoints),
        features="0" * 16,
        start_fd=START,
        floor_fd=2.0,
        made_with={"ganetic": "0.1.0"},
        trainings=tuple(
            ReferenceTraining(
                loss=name,
                seed=seed,
                state=TrialState.FAILED if (name, seed) in failed else TrialState.COMPLETED,
                reason="mode_collapse" if (name, seed) in failed else None,
                fd=(START, *np.exp(row).tolist()),
                seconds=seconds,
            )
            for name, rows in log_fd.items()
            for seed, row in enumerate(rows)
        ),
    )


def shares(worst: Mapping[str, Sequence[float]], seeds: int = 3) -> dict[str, NDArray[np.float64]]:
    """ln fd of losses whose worst seed has these shares of the start, and whose others have less."""
    return {
        name: np.log([[START * share * 0.9**seed for share in row] for seed in range(seeds)])
        for name, row in worst.items()
    }
