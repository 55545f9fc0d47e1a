"""Why does msg-sagan draw a lattice where dcgan draws nuclei? A preset with one factor changed at a time.

    python -m analysis.demo_factors train FOLDER [--data histology] [--only NAME ...] [--and A+B ...] [--workers 2]
    python -m analysis.demo_factors tables FOLDER

The plan, written before the first training:

- On `histology`, crops of stained tissue at 32 pixels: the preset `msg-sagan-32`, which was `demo` then, with bce, and
  each of the settings of `FACTORS` in turn. `dcgan` makes twice as many steps, because a step of it takes half as long.
  Three paired seeds.
- What counts is fd at equal seconds, against `dcgan`; fd after all steps stands beside it. Three seeds are few: a
  factor that does not change fd by a fifth is not told from noise, and the best of a dozen is flattered.
- Factors that help are put together (``--only demo --and smooth+wide``) and trained again, on seeds of their own
  (``--seed 1``), with `dcgan` beside them, and on X-rays, too (``--data npz:…/chest_xray128.npz``).
- `demo` gets the settings with which msg-sagan is level with dcgan at equal seconds: the ratio's interval reaches down
  to 1 on both sets. If none is, the numbers say so.

`FOLDER` holds one comparison; each call that names other arms or another set needs another one. Killed at any moment,
the command goes on where it was. A whole call is about 50 minutes of two idle cores: a step took 0.018 s
of a processor in `dcgan`, 0.039 s in `demo` and 0.078 s in ``wide``.

Six arms were trained on `histology`, and no other set: analysis/demo_factors_runs. None is level with `dcgan` in both
kinds of features, so `demo` became a `dcgan` (docs/train.md).
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from ganetic.errors import UserError, run_script, unknown
from ganetic.evolution.resources import Runtime
from ganetic.plots.arms import write_samples
from ganetic.plots.comparison import write_figures
from ganetic.report.comparison import comparison_page, write_tables
from ganetic.report.progress.search import progress_on
from ganetic.report.progress.sentences import sentences_on
from ganetic.report.renderers.terminal import print_page
from ganetic.studies.compare import compare
from ganetic.studies.comparison import open_comparison
from ganetic.training.config import TrainConfig, configured, load_config

LOSS = "bce"
STEPS, SEEDS = 3200, 3
MEASURED = 16
"""Times that a training of so many steps is measured: equal seconds are read at the nearest measurement."""
REFERENCE, BASE = "dcgan", "demo"  # so the preset was called

Changes = dict[str, dict[str, Any]]
"""Keys of a configuration by table."""


def rates(learning_rate: float, beta1: float = 0.5) -> Changes:
    """One learning rate for both players."""
    return {"optimizer": {"generator_lr": learning_rate, "discriminator_lr": learning_rate, "beta1": beta1}}


FACTORS: dict[str, Changes] = {
    BASE: {},
    "smooth": {"model": {"upsampling": "smooth"}},
    "pixel": {"model": {"pixel_norm": True}},
    "spectral": {"model": {"spectral_norm": True}},
    "no-stddev": {"model": {"minibatch_stddev": False}},
    "wide": {"model": {"width": 16}},
    "no-attention": {"model": {"name": "msg-gan"}},
    "attention-8": {"model": {"attention": 8}},
    "rate-1e-3": rates(1e-3),
    "rate-2e-3": rates(2e-3),
    "beta-0": rates(5e-4, 0.0),
}
"""What differs from the preset, by name of the arm."""


def arm(changes: Changes, data: str, steps: int) -> TrainConfig:
    """The preset with a factor changed.

    Args:
        changes: of the preset.
        data: the set.
        steps: of the training.
    """
    preset = load_config("msg-sagan-32").model_dump(mode="json")
    for table, keys in changes.items():
        preset[table] = {**preset[table], **keys}
    if preset["model"]["name"] == "msg-gan":
        del preset["model"]["attention"]
    return _on(preset, data, steps, steps // MEASURED)


def dcgan(data: str, steps: int) -> TrainConfig:
    """What `ganetic train --model dcgan` makes of the preset, for twice as many steps."""
    preset = configured("msg-sagan-32", model=REFERENCE)
    return _on(preset.model_dump(mode="json"), data, 2 * steps, steps // MEASURED)


def _on(preset: dict[str, Any], data: str, steps: int, measured_every: int) -> TrainConfig:
    changes = [] if data != "histology" else preset["data"]["augmentation"]  # X-rays are not mirrored
    images = {**preset["data"], "name": data, "augmentation": changes}
    every = max(measured_every, 10)
    return TrainConfig.model_validate(
        {**preset, "data": images, "steps": steps, "checkpoint_every": every, "keep_last": 1}
    )


def together(names: str) -> Changes:
    """What several factors change, named as ``smooth+wide``.

    Raises:
        UserError: there is no such factor, or two of them change one key.
    """
    changes: Changes = {}
    for name in names.split("+"):
        if name not in FACTORS:
            raise unknown("factor", name, list(FACTORS))
        for table, keys in FACTORS[name].items():
            if twice := set(keys) & set(changes.get(table, {})):
                raise UserError(f"{names}: {', '.join(sorted(twice))} is changed twice; leave a factor out")
            changes.setdefault(table, {}).update(keys)
    return changes


def configurations(names: list[str], data: str, steps: int) -> dict[str, TrainConfig]:
    """The arms by name, `dcgan` first, with which they are compared."""
    return {REFERENCE: dcgan(data, steps), **{name: arm(together(name), data, steps) for name in names}}


def main() -> None:
    """Train what is missing, or print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("train", "tables"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", default="histology")
    parser.add_argument("--only", nargs="+", choices=tuple(FACTORS), default=list(FACTORS))
    parser.add_argument("--and", nargs="+", default=[], dest="combined", metavar="A+B")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.what == "train":
        screen = Console(stderr=True)
        with sentences_on(screen), progress_on(screen) as callback:
            found = compare(
                LOSS,
                config=configurations([*options.only, *options.combined], options.data, options.steps),
                seeds=options.seeds,
                seed=options.seed,
                directory=options.folder,
                runtime=Runtime(options.workers),
                callback=callback,
            )
        write_tables(found)
        write_figures(found)
        write_samples(found)
    print_page(Console(), comparison_page(open_comparison(options.folder)))


if __name__ == "__main__":
    run_script(main)
