"""Candidates a second through screen and fingerprint, on one core.

    python analysis/bench_screen.py [SPACE]

Three streams: random trees as a search begins with, offspring of viable parents as it goes on with, and viable losses
only, for which every question is asked and the fingerprint is taken. Medians of five passes.
"""

import random
import statistics
import sys
import time
from collections import Counter

from ganetic.errors import UserError, run_script
from ganetic.evolution.genome import Genome, Trees, drawing_from
from ganetic.evolution.space import load_space
from ganetic.loss.fingerprint import of_responses
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.screen import judge

DRAWS = 6000
PASSES = 5


def examine(formula: Formula) -> str:
    """Screen a formula, and take its fingerprint if it passes; returns the verdict."""
    points, slots = responses(formula)
    verdict = judge(points, slots)
    if verdict.passed:
        of_responses(points, slots, verdict.orientation)
    return verdict.reason or "passed"


def formulas(genome: Genome, individuals: list[Trees]) -> list[Formula]:
    """Those whose constants are finite."""
    found = []
    for trees in individuals:
        try:
            found.append(genome.formula(trees))
        except UserError:
            continue
    return found


def offspring(genome: Genome, parents: list[Trees]) -> Trees:
    """A child of random parents."""
    operator = genome.draw_operator()
    if operator == "crossover":
        return genome.cross(random.choice(parents), random.choice(parents))
    return genome.mutate(random.choice(parents), operator)


def rate(stream: list[Formula]) -> float:
    """Candidates a second of processor time, the median of a few passes."""
    rates = []
    for _ in range(PASSES):
        began = time.process_time()
        for formula in stream:
            examine(formula)
        rates.append(len(stream) / (time.process_time() - began))
    return statistics.median(rates)


def main() -> None:
    """Print a table."""
    genome = Genome(load_space(sys.argv[1] if len(sys.argv) > 1 else "quick"))
    with drawing_from(random.Random(0)):
        drawn = formulas(genome, [genome.random() for _ in range(DRAWS)])
        viable = [formula for formula in drawn if examine(formula) == "passed"]
        parents = [genome.trees(formula) for formula in viable]
        bred = formulas(genome, [offspring(genome, parents) for _ in range(DRAWS)])
    print(f"{'stream':10} {'candidates':>10} {'passed':>8} {'a second':>9}")
    for name, stream in (("random", drawn), ("offspring", bred), ("viable", viable)):
        passed = Counter(map(examine, stream))["passed"]
        print(f"{name:10} {len(stream):10,} {passed / len(stream):8.1%} {rate(stream):9,.0f}")


if __name__ == "__main__":
    run_script(main)
