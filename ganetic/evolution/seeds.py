"""Which trainings use which seeds: those that choose never report."""

from typing import Literal

from ganetic.errors import UserError

Role = Literal["search", "final", "confirmation", "calibration", "choice", "tuning"]

_OFFSETS: dict[Role, int] = {
    "search": 0, "final": 100, "confirmation": 200, "calibration": 300, "choice": 400, "tuning": 500,
}  # fmt: skip
SEEDS_A_ROLE = 100
MAX_SEED = 10**12


def training_seed(run_seed: int, role: Role, number: int) -> int:
    """The seed of a training.

    Equal seeds mean equal initial weights, latents and batches for every loss, so that losses are compared in pairs.

    Args:
        run_seed: of the whole run.
        role: ``search`` seeds choose the finalists, ``tuning`` seeds the rates of each, ``final`` seeds the winner,
            ``confirmation`` seeds nothing; ``choice`` seeds choose a proxy and ``calibration`` seeds measure its noise:
            they are of no run, and their run seed is 0.
        number: counts a role's seeds from 0, below 100.
    """
    assert 0 <= number < SEEDS_A_ROLE
    return 1000 * run_seed + _OFFSETS[role] + number


def refuse_bad_seed(seed: int) -> None:
    """Refuse a run seed that is none.

    Raises:
        UserError: it is not between 0 and `MAX_SEED`.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"seed is {seed}; expected 0 to {MAX_SEED}")
