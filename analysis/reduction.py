"""What the reduction on export does to the losses of a run.

    python analysis/reduction.py RUN

For every viable individual: nodes before and after, and the formulas of those that are on the front.
The fingerprint is the same before and after; that is the rule of the reduction, and it is checked again here.
"""

import argparse
import statistics
import time
from pathlib import Path

from ganetic import open_run
from ganetic.errors import run_script
from ganetic.loss.fingerprint import fingerprint
from ganetic.loss.formula import Formula
from ganetic.loss.simplify import reduce


def main() -> None:
    """Print the front's formulas and a summary."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="directory of a run")
    run = open_run(parser.parse_args().run)
    table = run.individuals()
    viable = table[table["viable"].astype(bool)]
    shares, seconds = [], []
    for row in viable.to_dict("records"):
        formula = Formula.from_text(row["formula"])
        began = time.perf_counter()
        short = reduce(formula)
        seconds.append(time.perf_counter() - began)
        assert fingerprint(short) == fingerprint(formula)
        shares.append(short.node_count / formula.node_count)
        if row["on_front"]:
            print(f"{row['individual']}: {formula.node_count} -> {short.node_count} nodes")
            print(f"    {formula.readable}\n    {short.readable}")
    print(
        f"{len(shares)} viable losses: {sum(share < 1 for share in shares)} got shorter; nodes after / before: "
        f"median {statistics.median(shares):.2f}, least {min(shares):.2f}; seconds each: "
        f"median {statistics.median(seconds):.2f}, most {max(seconds):.2f}"
    )


if __name__ == "__main__":
    run_script(main)
