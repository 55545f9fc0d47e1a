"""Chooses the losses of the bank, and prints the file that `analysis/record_bank.py` reads.

    python analysis/choose_bank.py analysis/bank_losses.txt [--found RUN …] > /tmp/chosen
    mv /tmp/chosen analysis/bank_losses.txt

The losses that searches and prototypes found cannot be drawn again and are kept from the file; the library, random
draws, offspring of many generations and near copies are made anew from one seed, with the spaces `paper` and `logit`.
With `--found`, losses are added that trained in the named searches on every seed that they were given; they come after
the first 110, which had been recorded when it turned out that two of three of the others do not train.
What was drawn depends on how this version of the package draws and breeds, so that the file is what a bank is recorded
from, and this script says how it came to be.
"""

import argparse
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from ganetic.errors import UserError, run_script
from ganetic.evolution.individual import Individual
from ganetic.evolution.results import open_run
from ganetic.evolution.space import load_space
from ganetic.evolution.variation import Breeder
from ganetic.loss.fingerprint import fingerprint, oriented_gradients
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.numeric import responses
from ganetic.loss.ops import Array
from ganetic.loss.screen import judge

SEED = 900
SPACES = ("paper", "logit")
KEPT = ("search", "prototype")
FOUND, FOUND_AFTER, MOST_FOUND = "found", 110, 250
RANDOM_A_SPACE = 30
BRED_A_SPACE = 80
COPIES = 4
DISGUISED = "neg(log(sub(sub(1, y), p)))"
"""Binary cross-entropy, non-saturating, in the label form: the first of the near copies."""
CHILDREN = 120
GENERATIONS = 2
REACH = 6.0
"""Largest |d| and |m| at which gradients are compared: discriminators rarely go further in a short training."""
APART = 0.05
"""Root mean square difference of asinh(gradient / rms) below which two losses are near copies of each other."""

HEADER = f"""\
# The losses of the bank in the order in which they are recorded: an origin, a tab, and the loss's one line.
# The library comes first; the others are shuffled, so that a bank that ends early is a fair sample of them.
#   library                    published losses
#   search                     found by short searches with spaces of the label form, on mnist5k and on digits, and
#                              trained there on every seed; one of each skeleton
#   prototype                  the best of short searches with earlier versions of this package
#   random paper, random logit random draws that pass the screen
#   bred paper, bred logit     offspring of the losses above over {GENERATIONS} generations, chosen without any training
#   found                      trained in later searches, on every seed that they were given there
#   copy                       within {APART} of another loss, as the rms difference of the scaled gradients on
#                              |d| <= {REACH:g}; all others are further than that apart
# Made by analysis/choose_bank.py."""


class Chosen:
    """The losses chosen so far, each with its origin, kept apart from each other."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.fingerprints: set[str] = set()
        self._gradients: list[Array] = []

    def offer(self, origin: str, formula: Formula, copies: bool = False) -> bool:
        """Take a loss unless it is a near copy of one that is there; with `copies`, only if it is one."""
        key, gradients = fingerprint(formula), gradients_within_reach(formula)
        if key in self.fingerprints or self._is_near(gradients) != copies:
            return False
        self.rows.append((origin, formula.text))
        self.fingerprints.add(key)
        self._gradients.append(gradients)
        return True

    def _is_near(self, gradients: Array) -> bool:
        same_kind = (other for other in self._gradients if other.shape == gradients.shape)
        return any(float(np.sqrt(np.mean((gradients - other) ** 2))) < APART for other in same_kind)


def gradients_within_reach(formula: Formula) -> Array:
    """The three slots' gradients within reach, D's higher output meaning real; shape (rows, points)."""
    points, slots = responses(formula)
    gradients = oriented_gradients(points, slots, judge(points, slots).orientation)
    rows = gradients if points.relativistic else gradients[:3]
    within = (np.abs(points.d) <= REACH) & (np.abs(points.m) <= REACH)
    return np.asarray(np.arcsinh(rows[:, within]))


def random_draws(space_name: str) -> Iterator[Formula]:
    """Random losses of a space that pass the screen."""
    breeder, stream = Breeder(load_space(space_name)), random.Random(f"{SEED} random {space_name}")
    while True:
        yield breeder.draw(stream, (), set(), set()).formula


def offspring(space_name: str, founders: Sequence[Formula]) -> Iterator[Formula]:
    """Offspring of a population that drifts: every generation is bred from the last, whatever that is worth."""
    breeder, stream = Breeder(load_space(space_name)), random.Random(f"{SEED} bred {space_name}")
    texts = {(formula.text, None) for formula in founders}  # losses at the rates of the proxy
    fingerprints = {(fingerprint(formula), None) for formula in founders}
    parents, number = list(founders), 0
    for _ in range(GENERATIONS):
        population = [_equal(number + place, parent) for place, parent in enumerate(parents)]
        number += len(parents)
        parents = []
        for _ in range(CHILDREN):
            child = breeder.draw(stream, population, texts, fingerprints)
            texts.add((child.formula.text, None))
            fingerprints.add((child.fingerprint, None))
            parents.append(child.formula)
            yield child.formula


def _equal(number: int, formula: Formula) -> Individual:
    """A parent that is as good as any other."""
    individual = Individual(number, formula.text, fingerprint(formula), formula.node_count)
    individual.objectives_by_rung.append((0.0, 0.0))
    return individual


def library_of(space_name: str) -> list[Formula]:
    """The published losses that a space can express."""
    names = {"paper": ("ganetic",), "logit": load_space("logit").library_seeds}[space_name]
    return [LIBRARY[name].formula for name in names]


def kept(path: Path, origins: Collection[str] = KEPT) -> list[tuple[str, Formula]]:
    """The losses of the file that cannot be drawn again, with their origins, in an order that does not depend on it."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(origin, Formula.from_text(text)) for origin, text in sorted(rows) if origin in origins]


def take(chosen: Chosen, origin: str, stream: Iterable[Formula], most: int, copies: bool = False) -> None:
    """Take so many losses of a stream, or as many as it holds."""
    taken = 0
    for formula in stream:
        taken += chosen.offer(origin, formula, copies)
        if taken == most:
            return


def trained_in(runs: Sequence[Path]) -> Iterator[Formula]:
    """The losses that trained in searches on every seed that they were given, the most trained first."""
    tables = [open_run(run).individuals() for run in runs]
    table = pd.concat([one[one["viable"] & (one["failed"] == 0)] for one in tables])
    for text in table.sort_values(["seeds", "formula"], ascending=[False, True])["formula"].unique():
        yield Formula.from_text(text)


def with_found(chosen: Chosen, rows: list[tuple[str, str]], found: Iterable[Formula]) -> list[tuple[str, str]]:
    """The rows, and after the first of them those of the found losses that are no near copies of any."""
    before = len(chosen.rows)
    take(chosen, FOUND, found, MOST_FOUND)
    added = sorted(chosen.rows[before:])
    random.Random(SEED).shuffle(added)
    return [*rows[:FOUND_AFTER], *added, *rows[FOUND_AFTER:]]


def choose(chosen: Chosen, found: list[tuple[str, Formula]]) -> list[tuple[str, str]]:
    """All losses but those of later searches, with their origins, in the order of recording."""
    for loss in LIBRARY.values():
        chosen.offer("library", loss.formula)
    for origin, formula in found:
        chosen.offer(origin, formula)
    for space in SPACES:
        founders = [Formula.from_text(text) for origin, text in chosen.rows if origin in KEPT]
        founders = [formula for formula in founders if formula.form == load_space(space).form]
        founders += library_of(space)
        for origin, stream, most in (
            (f"random {space}", random_draws(space), RANDOM_A_SPACE),
            (f"bred {space}", offspring(space, founders), BRED_A_SPACE),
        ):
            take(chosen, origin, stream, most)
    copies = chain([Formula.from_text(DISGUISED)], *(offspring(space, library_of(space)) for space in SPACES))
    take(chosen, "copy", copies, COPIES, copies=True)
    rest = chosen.rows[len(LIBRARY) :]
    random.Random(SEED).shuffle(rest)
    return [*chosen.rows[: len(LIBRARY)], *rest]


def main() -> None:
    """Print the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("losses", type=Path, help="the file as it is")
    parser.add_argument("--found", type=Path, nargs="+", default=[], metavar="RUN", help="searches whose losses to add")
    given = parser.parse_args()
    chosen = Chosen()
    rows = choose(chosen, kept(given.losses))
    known = [formula for _, formula in kept(given.losses, {FOUND})]
    new = trained_in(given.found) if given.found else ()
    print(HEADER)
    for origin, text in with_found(chosen, rows, chain(known, new)):
        print(f"{origin}\t{text}")


if __name__ == "__main__":
    run_script(main)
