"""How far published losses have come early in a trial: what a kill rule must not touch.

    python analysis/early_fd.py [SPACE] [SEEDS]

Prints fd over that of the untrained generator at each kill rule's step and at the end of the first rung, worst of the
seeds, and the floor. A rule is safe for a loss that trains when the loss stays well below it.
"""

import math
import sys

from ganetic.loss.library import LIBRARY
from ganetic.proxy.spec import TrialSpec
from ganetic.proxy.trial import TrialResult
from ganetic.search.ledger import describe
from ganetic.search.listener import Silence
from ganetic.search.runtime import Runtime
from ganetic.search.seeds import training_seed
from ganetic.search.space import load_space


def main() -> None:
    """Train the library and print a table."""
    space = load_space(sys.argv[1] if len(sys.argv) > 1 else "quick")
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    steps = space.rungs[0].steps
    marks = [*(rule.step for rule in space.kill), steps]
    runtime = Runtime()
    materials = runtime.materials(space.data, space.proxies[0].spec, Silence())
    jobs = [(name, training_seed(0, "confirmation", seed)) for name in LIBRARY for seed in range(seeds)]
    results: dict[str, list[TrialResult]] = {name: [] for name in LIBRARY}
    with runtime.executor(materials, steps) as executor:
        for number, (name, seed) in enumerate(jobs):
            trial = TrialSpec(
                formula=LIBRARY[name].formula.text,
                seed=seed,
                steps=steps,
                checkpoints=space.checkpoints(steps),
                proxy=space.proxies[0].spec,
            )
            executor.submit(number, trial.model_dump(mode="json"))
        while executor.outstanding():
            for outcome in executor.wait():
                results[jobs[outcome.number][0]].append(TrialResult.model_validate(outcome.record))
    print(
        f"{materials.protocol}: floor {materials.floor_fd:.2f}; {seeds} seeds; "
        "worst fd / fd at start at these steps, then fd at the last"
    )
    print(f"{'loss':20}" + "".join(f"{mark:>8}" for mark in marks) + f"{'fd':>9}{'seconds':>9}  states")
    for name, found in results.items():
        shares = [
            max(dict(result.trace).get(mark, math.nan) / result.trace[0][1] for result in found) for mark in marks
        ]
        last = math.exp(sum(math.log(result.trace[-1][1]) for result in found) / len(found))
        seconds = sum(result.seconds for result in found) / len(found)
        states = ", ".join(sorted({describe(result) for result in found}))
        print(f"{name:20}" + "".join(f"{share:8.2f}" for share in shares) + f"{last:9.1f}{seconds:9.1f}  {states}")


if __name__ == "__main__":
    main()
