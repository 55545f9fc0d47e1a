"""Is the margin better in full training, too?

    python -m analysis.full_margin train FOLDER [--workers N]      goes on where it was
    python -m analysis.full_margin tables FOLDER

Relativistic hinge with the discriminator's margin of the chest winner, relativistic hinge, and BCE train in `msg-sagan`
at 32 pixels on digits (`analysis/full_margin.toml`), each at its own best rates, on paired seeds. The plan stands
in `analysis/better_loss.md`.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from scipy.stats import gmean

from analysis.better_loss.margin import MARGIN, with_margins
from analysis.better_loss.plan import RELATIVISTIC_HINGE, Seeds, ended
from analysis.full_training import MEASURED, train_or_tell, trained
from ganetic.errors import run_script
from ganetic.report.comparison import comparison_page
from ganetic.report.renderers.terminal import print_page
from ganetic.studies.compare import Comparison
from ganetic.studies.formatting import interval, p_value
from ganetic.studies.ratios import Pair, ratios
from ganetic.training.rates import RateList

CONFIG = Path(__file__).with_suffix(".toml")
DIGITS = "mnist5k"
LOSSES = (with_margins(MARGIN, 1), RELATIVISTIC_HINGE, "bce")
SEEDS = Seeds(7861, 12, 2)
RATES = RateList(learning_rates=(5e-4, 1e-3, 2e-3), beta1s=(0.0, 0.5))


def train(folder: Path, workers: int | None) -> Comparison:
    """Train what is missing, and measure every generator in EfficientNet-Lite0's features, too."""
    return trained(LOSSES, CONFIG, DIGITS, folder, SEEDS, workers, rates=RATES)


def tables(folder: Path) -> None:
    """Print the comparison in the set's own net, and then that in EfficientNet-Lite0's features."""
    comparison = ended(folder)
    print_page(Console(), comparison_page(comparison))
    print("\n".join(in_other_features(comparison.settings.names, pd.read_csv(folder / MEASURED))))


def in_other_features(names: Sequence[str], measured: pd.DataFrame) -> Iterator[str]:
    """Yield how the losses do in EfficientNet-Lite0's features, a line each, over pairs of trainings that completed.

    Args:
        names: of the losses, that with the margin first.
        measured: loss, seed and fd of every training that completed.
    """
    table = measured.pivot(index="seed", columns="loss", values="fd").reindex(columns=list(names))
    yield "in EfficientNet-Lite0's features"
    for name, fds in table.items():
        done = fds.dropna()
        yield f"  {name}: fd {gmean(done):.1f} ({done.min():.0f}-{done.max():.0f}), {len(done)} trainings"
    for found in ratios({"": table}, [Pair(names[0], rival) for rival in names[1:]]):
        ends = f"{found.ratio:.3f} {interval(found.low, found.high)}, Holm p {p_value(found.holm_p)}"
        yield f"  {found.first} over {found.second}: {ends}, would have been found {found.detectable:.3f}"


if __name__ == "__main__":
    run_script(partial(train_or_tell, __doc__, train, tables))
