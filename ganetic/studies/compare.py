"""Compare losses: all on the same seeds, for the same number of steps, none stopped early."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback
from ganetic.config import Config
from ganetic.errors import UserError, unknown
from ganetic.evolution.resources import Runtime
from ganetic.evolution.seeds import SEEDS_A_ROLE, refuse_bad_seed, training_seed
from ganetic.evolution.space import SearchSpace
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.lock import run_lock
from ganetic.loss.card import resolve_loss
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.studies.arms import Configs, arm_pairs, refuse_losses_names, several_of, single_of
from ganetic.studies.comparison import JOURNAL, Comparison, open_comparison, tuning_journal
from ganetic.studies.config import Entry, StudyConfig, trained_at
from ganetic.studies.equal_seconds import equal_seconds
from ganetic.studies.formatting import counted
from ganetic.studies.grounds import Grounds, Plan, arms_plan, full_plan, proxy_plan, refuse_rates
from ganetic.studies.ratios import Pair, default_reference
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings
from ganetic.studies.training import begun_settings, is_complete, train
from ganetic.studies.tuning import Tuning, refuse_other_rates, with_own_beta1s
from ganetic.training.card_rates import found_at_other_rates
from ganetic.training.rates import RateList

_logger = logging.getLogger(__name__)

__all__ = ["Comparison", "compare", "open_comparison"]

ALL = "all"
"""Stands for every loss of the library."""


def compare(
    losses: str | Path | Sequence[str | Path],
    data: str | None = None,
    model: str | Sequence[str] | None = None,
    seeds: int = 25,
    space: str | Path | SearchSpace | None = None,
    steps: int | None = None,
    reference: str | None = None,
    directory: Path | str | None = None,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
    rates: RateList | None = None,
    tuning_seeds: int = 3,
    seed: int = 0,
    config: Configs | None = None,
) -> Comparison:
    """Train losses on seeds that chose no loss of any run, and compare them in pairs.

    A given seed means the same initial weights, latents and batches for every loss. Killed at any moment, a comparison
    goes on where it was when it is called with the same arguments and its directory.

    Args:
        losses: two or more of: names of the library, paths of cards, expressions; or ``all`` of the library. One is
            enough where there are several configurations.
        data: a data set; None for the space's own. A proxy that names its data keeps to it.
        model: the net; None for that of the proxies, ``dcgan``, or with a configuration for its own. With a
            configuration also another model of full training, or several; on each all losses are trained.
        seeds: trainings of each loss, at most 100.
        space: whose proxies and checkpoints are used, ``quick`` where it is None; on each of several proxies all losses
            are trained. A configuration takes its place.
        steps: updates of each player in a training; None for those of the space's finals, or of the configuration.
        reference: the loss that all others are compared with; None for bce, or the first where bce is not among them.
            Of several configurations it may also be one of them; None for the first.
        directory: a new one, or that of a comparison to go on with; None makes one under ``runs/``.
        runtime: where.
        callback: its ``update`` is told where the trainings stand; sentences go to `logging`, see `ganetic.callbacks`.
        rates: each loss is trained at the best of these for it, found before the comparison by as many trainings of
            each on seeds of their own; they replace those of all proxies. A list that names no β₁ keeps the proxies'.
            None trains all losses at the proxies' rates. With a configuration they are those of both players.
        tuning_seeds: with rates, trainings of each loss at each of them, on each proxy; at most 100.
        seed: all seeds follow from it; those of one seed are no others'.
        config: of full training, in which losses are trained then, and not on proxies: the name of a preset, the path
            of a TOML file, or a configuration. Its seed has no say. Trainings lie under the directory, each with its
            samples and checkpoints, and go on from the last of these. One whose last three measurements each found a
            failure has failed. Several configurations, in a list or by name, are compared with one another as well:
            every loss is trained in each.

    Raises:
        UserError: something given is wrong, and no directory was made then; or a training that was to choose rates
            raised an error.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    _refuse_bad_choices(seeds, tuning_seeds)
    refuse_bad_seed(seed)
    if config is not None and space is not None:
        raise UserError("config and space are both given; losses are trained in the one or on the proxies of the other")
    sources, several = _named([losses] if isinstance(losses, str | Path) else losses), several_of(config)
    entries = entries_of(sources, least=2 if several is None else 1)
    names, arms = [entry.name for entry in entries], tuple[Pair, ...]()
    formula = Formula.from_text(entries[0].text)
    plan: Plan
    if several is not None:
        refuse_losses_names(list(several), names)
        arms = arm_pairs(list(several), reference)
        plan = arms_plan(several, data, model, steps, formula, runtime)
    elif config is not None:
        plan = full_plan(single_of(config), data, model, steps, formula, runtime)
    else:
        plan = proxy_plan("quick" if space is None else space, data, model, steps, runtime)
    pairs = _pairs(names, None if several and reference in several else reference, list(several or ()))
    folder = Path(directory) if directory is not None else _new_directory(plan)
    _refuse_other_content(folder)
    begun = _begun(folder)
    if begun is not None:
        plan = plan.as_begun(begun, folder)
    plan = plan.as_known()
    if rates is not None:
        refuse_rates(plan)
        rates = with_own_beta1s(rates, plan.beta1s)
    if begun is not None:
        refuse_other_rates(folder, begun.tuned, rates, tuning_seeds)
    grounds = plan.prepare()
    numbers = tuple(training_seed(seed, "confirmation", n) for n in range(seeds))
    study = _study(entries, pairs, grounds, numbers).model_copy(update={"arms": arms})
    tuning = None if rates is None else Tuning(folder, study, rates, tuning_seeds, seed)
    _run(folder, study, tuning, grounds, sources, callback)
    return open_comparison(folder)


def _run(
    folder: Path,
    study: StudyConfig,
    tuning: Tuning | None,
    grounds: Grounds,
    sources: Sequence[str],
    callback: ProgressCallback[Progress],
) -> None:
    """Train what has not ended yet, after the tuning if there is one; a study that is complete starts no executor."""
    settings = study if tuning is None else tuning.tuned()
    if settings is not None and is_complete(folder / JOURNAL, settings):
        return
    with grounds.executor(folder) as executor:
        make_directory(folder)  # not before all that can be wrong has been tried
        with run_lock(folder):
            _logger.info(f"comparison directory {folder}")
            settings = study if tuning is None else tuning.run(executor, callback)
            _say_other_rates(sources, settings)
            train(folder / JOURNAL, settings, executor, callback)


def entries_of(sources: Iterable[str | Path], least: int = 2) -> tuple[Entry, ...]:
    """Find losses, and tell those of one name apart by numbers: ``expression``, ``expression-2``.

    Args:
        sources: names of the library, ``all`` of it, paths of cards, expressions.
        least: how many are needed.

    Raises:
        UserError: there are fewer, one is given twice, or one is nothing of these.
    """
    found = [(source, *resolve_loss(source)) for source in _named(sources)]
    if len(found) < least:
        more = "two or more, or all; `ganetic score` trains a single one" if least > 1 else "one or more, or all"
        raise UserError(f"{len(found)} loss{'' if len(found) == 1 else 'es'} to compare; expected {more}")
    first: dict[str, str] = {}
    for source, _, formula in found:
        if formula.text in first:
            raise UserError(
                f'the loss "{source[:60]}" is given twice, first as "{first[formula.text][:60]}"; leave one out'
            )
        first[formula.text] = source
    names = _distinct([(name, source in LIBRARY) for source, name, _ in found])
    return tuple(Entry(name=name, text=formula.text) for name, (_, _, formula) in zip(names, found, strict=True))


def _study(
    entries: tuple[Entry, ...], pairs: tuple[Pair, ...], grounds: Grounds, seeds: tuple[int, ...]
) -> StudyConfig:
    return StudyConfig(
        kind="comparison",
        losses=entries,
        pairs=pairs,
        space=grounds.space,
        data=grounds.data,
        proxies=grounds.setups,
        measures=grounds.measures,
        seeds=seeds,
        steps=grounds.steps,
        checkpoints=grounds.checkpoints,
    )


def _named(sources: Iterable[str | Path]) -> list[str]:
    """The losses as they were given, each for itself."""
    return [name for source in sources for name in (LIBRARY if str(source) == ALL else [str(source)])]


def _say_other_rates(sources: Sequence[str], settings: StudyConfig) -> None:
    """Say which losses come from cards that were found at other rates than those they are trained at now."""
    for source, loss in zip(sources, settings.losses, strict=True):
        where = "trained here at" if loss.rates is None else "trained here at its best of --rates,"
        trained = [rates for setup in settings.proxies for rates in trained_at(loss, setup)]
        if said := found_at_other_rates(source, trained, where):
            advice = "" if settings.has_rates else "; --rates chooses each loss's own"
            _logger.warning(f"{said}{advice}")


def _distinct(named: Sequence[tuple[str, bool]]) -> list[str]:
    """The first of each name keeps it, and a name of the library is the library's: whose it is stands beside a name."""
    taken, result = {name for name, _ in named}, []
    seen: Counter[str] = Counter()
    for name, of_library in named:
        seen[name] += 1
        is_anothers = not of_library and (seen[name] > 1 or name in LIBRARY)
        new, number = name, max(2, seen[name])
        while is_anothers and new in taken:
            new, number = f"{name}-{number}", number + 1
        taken.add(new)
        result.append(new)
    return result


def _pairs(names: Sequence[str], reference: str | None, configs: Sequence[str] = ()) -> tuple[Pair, ...]:
    reference = default_reference(names) if reference is None else reference
    if reference not in names:
        raise unknown("reference", reference, [*names, *configs], "--reference")
    return tuple(Pair(name, reference) for name in names if name != reference)


def _refuse_bad_choices(seeds: int, tuning_seeds: int) -> None:
    if not 1 <= seeds <= SEEDS_A_ROLE:
        raise UserError(f"seeds is {seeds}; expected 1 to {SEEDS_A_ROLE}")
    if not 1 <= tuning_seeds <= SEEDS_A_ROLE:
        raise UserError(f"tuning_seeds is {tuning_seeds}; expected 1 to {SEEDS_A_ROLE}")


def _refuse_other_content(folder: Path) -> None:
    refuse_impossible_directory(folder)
    refuse_network_disk(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a new directory, or that of a comparison to go on with")
    if not folder.is_dir() or (folder / JOURNAL).is_file() or tuning_journal(folder, 0).is_file():
        return
    if not _at_most_a_lock(folder):
        raise UserError(f"{folder}: holds something else; name a new directory, or that of a comparison to go on with")


def _at_most_a_lock(folder: Path) -> bool:
    """Whether this is what a comparison leaves that was killed before its first training was written down."""
    begun = (f".{JOURNAL}", f".{tuning_journal(folder, 0).name}")
    return all(path.name == "lock" or path.name.startswith(begun) for path in folder.iterdir())


def _begun(folder: Path) -> StudyConfig | None:
    """The settings of the comparison there, or of the tuning before it; None where there is neither."""
    begun = begun_settings(folder / JOURNAL, "comparison")
    return begun or begun_settings(tuning_journal(folder, 0), "tuning")


def _new_directory(plan: Plan) -> Path:
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(plan.data).stem)
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-compare-{plan.name}-{name}"


class CompareConfig(Config):
    """What a comparison is a function of; see `compare`."""

    losses: tuple[str, ...]
    """Published losses or all, paths of cards, expressions."""
    data: str | None = None
    """A data set; None for the space's own."""
    seeds: int = 25
    """Trainings of each loss."""
    space: str | None = None
    """Whose proxies and checkpoints are used; None for ``quick``, or where a configuration is named."""
    steps: int | None = None
    """Updates of each player in a training; None for those of the space's finals."""
    reference: str | None = None
    """The loss that all others are compared with; None for bce, or the first."""
    rates: RateList | None = None
    """Each loss is trained at its own best of these; None for the proxies' rates."""
    tuning_seeds: int = 3
    """With rates: trainings of each loss at each of them."""
    seed: int = 0
    """All seeds follow from it."""
    config: str | tuple[str, ...] | None = None
    """A preset, or a TOML file, of full training, in which the losses are trained instead of the space's proxies; or
    several, which are compared with one another as well."""
    model: str | tuple[str, ...] | None = None
    """With a configuration: its model, or several; None for its own."""


@STUDIES.register("compare")
class CompareStudy(Study[CompareConfig, Comparison]):
    """Losses in pairs, on the same seeds."""

    config = CompareConfig

    def run(self, config: CompareConfig, folder: Path, surroundings: Surroundings) -> Comparison:
        """Train all losses on all seeds."""
        given = {name: getattr(config, name) for name in CompareConfig.model_fields if name != "losses"}
        runtime, callback = surroundings.runtime, surroundings.callback
        return compare(config.losses, **given, directory=folder, runtime=runtime, callback=callback)

    def page(self, results: Comparison) -> StudyPage:
        """Say how each loss did, and how it did against its reference."""
        settings = results.settings
        if settings.has_arms:
            return _arms_page(results)
        said = f"{len(settings.losses)} losses, {len(settings.seeds)} seeds, {settings.steps} steps a training"
        return said, *comparison_tables(results)


def _arms_page(comparison: Comparison) -> StudyPage:
    """Say how each configuration did after all steps, and after equally many seconds."""
    settings, equal = comparison.settings, equal_seconds(comparison)
    losses, seeds = counted(len(settings.losses), "loss"), counted(len(settings.seeds), "seed")
    said = f"{losses} in {len(settings.proxies)} configurations, {seeds}"
    page: list[str | pd.DataFrame] = [said, *comparison_tables(comparison)]
    if equal is not None:
        pairs = comparison.differences(at=equal.steps)
        page += [f"after about {equal.seconds:.4g} seconds of training", pairs[["proxy", *_PAIR]]]
    return page


_PAIR = ["first", "second", "ratio", "low", "high", "verdict"]


def comparison_tables(comparison: Comparison) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How each loss did, and how it did against its reference, in as many columns as a terminal has room for."""
    proxy = ["proxy"] if comparison.settings.several_proxies else []
    summary, pairs = comparison.summary(), comparison.differences()
    return (
        summary[[*proxy, "loss", "geometric_mean", "worst_over_best", "failed", "instability"]],
        pairs[[*proxy, *_PAIR]],
    )
