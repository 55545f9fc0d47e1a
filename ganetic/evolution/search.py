"""Start a search, or go on with one."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganetic.callbacks import NullProgressCallback, Progress, ProgressCallback
from ganetic.config import validate
from ganetic.data import resolved
from ganetic.errors import ClusterLostError, UserError, typed
from ganetic.evolution.calibrate import kill_rules
from ganetic.evolution.chosen import on_data, planned
from ganetic.evolution.config import Measure, RunConfig, RunMeta, differences
from ganetic.evolution.events import LIMIT
from ganetic.evolution.migrations import SEARCH
from ganetic.evolution.records import JOURNAL
from ganetic.evolution.resources import Runtime
from ganetic.evolution.search_loop import SearchLoop
from ganetic.evolution.seeds import refuse_bad_seed
from ganetic.evolution.space import SearchSpace, SpaceProxy, Stop, load_space, read_space, write_space
from ganetic.files import make_directory, refuse_impossible_directory
from ganetic.interrupt import interruptible
from ganetic.jobs.disk import refuse_network_disk
from ganetic.jobs.executor import Executor
from ganetic.jobs.journal import Journal
from ganetic.jobs.lock import run_lock
from ganetic.reproducible import versions
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import PruningRule

if TYPE_CHECKING:
    from ganetic.evolution.results import Run

_logger = logging.getLogger(__name__)

SPACE_COPY = "space.json"


def search(
    space: str | Path | SearchSpace = "quick",
    data: str | None = None,
    run: Path | str | None = None,
    seed: int = 0,
    runtime: Runtime | None = None,
    callback: ProgressCallback[Progress] | None = None,
) -> "Run":
    """Search for losses, from the first random tree to the finals.

    Where the space leaves its proxies to the data (``proxy = "calibrated"``) they are chosen first, unless they have
    been; the run keeps what was chosen.

    Args:
        space: a file, the name of a shipped space, or a space.
        data: a data set; None for the space's own.
        run: a new directory; None makes one under ``runs/``.
        seed: everything random follows from it.
        runtime: where and how long.
        callback: its ``update`` is told where the search stands; sentences go to `logging`, see `ganetic.callbacks`.

    Returns:
        The run: finished, or stopped by Ctrl-C and ready to be resumed.

    Raises:
        UserError: something given is wrong; no directory was made then.
        ClusterLostError: the cluster is gone; `resume` goes on with what has ended.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    space = space if isinstance(space, SearchSpace) else load_space(space)
    space = _limited(space, runtime.max_trials)
    refuse_bad_seed(seed)
    space, data = _with_places(space), resolved(data or space.data)
    directory = Path(run) if run is not None else _new_directory(space, data, seed)
    _refuse_other_content(directory)
    space, data = on_data(space, data, runtime, callback)
    proxy_data, config = _prepare(space, data, seed, runtime, callback)
    with (
        _how_to_go_on(directory, runtime),
        interruptible() as interrupt,
        runtime.executor(proxy_data, _longest(space)) as executor,
    ):
        make_directory(directory)  # not before all that can be wrong has been tried
        with run_lock(directory):
            _refuse_other_content(directory)  # another search may have come first
            write_space(directory / SPACE_COPY, space)
            meta = RunMeta(config=config, made_with=versions()).model_dump(mode="json")
            with Journal.create(directory / JOURNAL, SEARCH.stamped(meta)) as journal:
                _logger.info(f"run directory {directory}")
                _warn_of_window(config, executor)
                limits = (space.stop.max_trials, runtime.time_budget_seconds)
                SearchLoop(config, journal, executor, callback, *limits).drive(interrupt)
    return open_run(directory)


def resume(
    directory: Path | str, runtime: Runtime | None = None, callback: ProgressCallback[Progress] | None = None
) -> "Run":
    """Go on with a run that was stopped or killed, to the result that it would have had.

    A number of trials that is given here holds for those who resume it later, too.

    Raises:
        UserError: there is no run, it is finished, another driver works on it, or its configuration has changed.
        ClusterLostError: as of `search`.
    """
    callback, runtime = callback or NullProgressCallback(), runtime or Runtime()
    directory = Path(directory)
    open_run(directory)  # refuse what is no run before a lock is written there
    refuse_network_disk(directory)
    with run_lock(directory):
        run = open_run(directory)
        run.check()
        space = read_space(directory / SPACE_COPY)
        asked = run.limit if runtime.max_trials is None else runtime.max_trials
        limit = _limited(space, asked).stop.max_trials
        _refuse_finished(run, runtime, limit)
        _refuse_retired(run)
        proxy_data, config = _prepare(space, run.config.data, run.config.seed, runtime, callback, run.config)
        if changes := differences(run.config, config):
            more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
            raise UserError(
                f"{directory}: this is not the search that was begun: {'; '.join(changes[:5])}{more}; "
                "undo the change, or start a new run"
            )
        _warn_of_versions(run)
        with (
            _how_to_go_on(directory, runtime),
            interruptible() as interrupt,
            runtime.executor(proxy_data, _longest(space)) as executor,
            Journal.open(directory / JOURNAL) as journal,
        ):
            _warn_of_window(config, executor)
            if limit != (run.limit or run.config.space.stop.max_trials):  # the next `resume` keeps to it
                journal.event(run.asked, LIMIT, {"max_trials": limit})
            budget = runtime.time_budget_seconds
            goes_on = runtime.max_trials is not None or budget is not None or run.goes_on
            SearchLoop(config, journal, executor, callback, limit, budget, goes_on).drive(interrupt)
    return open_run(directory)


def open_run(directory: Path) -> "Run":
    """See `ganetic.evolution.results.open_run`; the tables behind it take half a second to import, the search none."""
    from ganetic.evolution import results  # noqa: PLC0415

    return results.open_run(directory)


def plan(
    space: str | Path | SearchSpace, data: str | None = None, seed: int = 0, runtime: Runtime | None = None
) -> dict[str, Any]:
    """What a search would do, without doing it: the settings with all defaults, and its size.

    Where the space's proxies are to be chosen on the data, that is loaded, to say whether they have been, and what
    choosing would try.
    """
    runtime = runtime or Runtime()
    space = _limited(space if isinstance(space, SearchSpace) else load_space(space), runtime.max_trials)
    refuse_bad_seed(seed)
    is_calibrated = space.proxy == "calibrated"
    space, data, choice = planned(space, data or space.data, runtime)
    contestants = (space.finals.finalists + len(space.finals.references)) * len(space.proxies)
    final_trials = contestants * space.finals.seeds
    # At least: a list of rates can be extended.
    tuning_trials = contestants * len(space.genes.pairs) * space.genes.tuning_seeds if space.genes else 0
    return {
        "space": space.model_dump(mode="json"),
        "data": data,
        **({"choice": choice} if is_calibrated else {}),
        "seed": seed,
        "trials": space.stop.max_trials,
        **({"tuning_trials": tuning_trials} if space.genes else {}),
        "final_trials": final_trials,
        "most_steps": space.stop.max_trials * space.rungs[-1].steps
        + (tuning_trials + final_trials) * space.finals.steps,
        "checkpoints": list(space.checkpoints(space.rungs[-1].steps)),
    }


@contextmanager
def _how_to_go_on(directory: Path, runtime: Runtime) -> Iterator[None]:
    """Name the command that goes on with a run whose cluster is lost."""
    try:
        yield
    except ClusterLostError as lost:
        where = () if runtime.address is None else ("--address", runtime.address)
        again = typed("ganetic", "resume", directory, *where)
        what = f"what has ended is kept: `{again}` goes on when there is a head again"
        raise ClusterLostError(f"{lost}; {what}") from None


def _prepare(
    space: SearchSpace,
    data: str,
    seed: int,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
    begun: RunConfig | None = None,
) -> tuple[dict[str, ProxyData], RunConfig]:
    """The data of its proxies and the configuration of a search, or of one that was begun."""
    proxy_data = runtime.proxy_data_of(space, data)
    # A calibration may have been made anew since the run was begun; the run keeps to its own rules.
    kept = {measure.proxy: measure.kill for measure in begun.measures} if begun else {}
    measures = []
    for proxy in space.proxies:
        own = proxy_data[proxy.name]
        rules = kept[proxy.name] if proxy.name in kept else _kill_rules(space, proxy, own, data, runtime, callback)
        measures.append(Measure.of(proxy, own, rules))
    return proxy_data, RunConfig(space=space, data=data, measures=tuple(measures), seed=seed)


def _kill_rules(
    space: SearchSpace,
    proxy: SpaceProxy,
    proxy_data: ProxyData,
    data: str,
    runtime: Runtime,
    callback: ProgressCallback[Progress],
) -> tuple[PruningRule, ...]:
    if space.kill != "calibrated":
        return space.kill
    return kill_rules(proxy_data, proxy.data or data, proxy.spec, space, runtime, callback)


def _warn_of_window(config: RunConfig, executor: Executor) -> None:
    window = config.space.evolution.window
    if executor.slots > window / 4:
        _logger.warning(
            f"{executor.slots} workers share a window of {window} trials and will wait for one another; "
            f"evolution.window = {4 * executor.slots} in the space would keep them busy"
        )


def _with_places(space: SearchSpace) -> SearchSpace:
    """The space with the data of its proxies at absolute places, so that the run is resumed from wherever."""
    proxies = [
        proxy if proxy.data is None else proxy.model_copy(update={"data": resolved(proxy.data)})
        for proxy in space.proxies
    ]
    return space.model_copy(update={"proxies": tuple(proxies)})


def _limited(space: SearchSpace, max_trials: int | None) -> SearchSpace:
    """The space with another number of trials, which its run then keeps."""
    if max_trials is None:
        return space
    return space.model_copy(update={"stop": validate({"max_trials": max_trials}, Stop, where="stop")})


def _longest(space: SearchSpace) -> int:
    return max(space.rungs[-1].steps, space.finals.steps)


def _refuse_other_content(directory: Path) -> None:
    """A search that was killed before it had a journal has left no more than its lock and its space."""
    refuse_impossible_directory(directory)
    refuse_network_disk(directory)
    if directory.exists() and not (directory.is_dir() and all(map(_is_leftover, directory.iterdir()))):
        go_on = typed("ganetic", "resume", directory)
        raise UserError(f"{directory}: exists already; name a new directory, or use `{go_on}`")


def _is_leftover(path: Path) -> bool:
    return path.name in ("lock", SPACE_COPY) or path.name.startswith((f".{SPACE_COPY}", f".{JOURNAL}"))


def _refuse_finished(run: "Run", runtime: Runtime, limit: int) -> None:
    asked_for_more = runtime.max_trials is not None or runtime.time_budget_seconds is not None
    if run.status_when_idle == "finished" and not (asked_for_more and limit > run.asked):
        raise UserError(
            f"{run.directory}: this run is finished after {run.asked} trials; a larger --max-trials makes it go on"
        )


def _refuse_retired(run: "Run") -> None:
    if retired := run.config.retired:
        settings = ", ".join(f"{key} = {value}" for key, value in retired.items())
        raise UserError(
            f"{run.directory}: was searched with what this version of ganetic no longer has ({settings}); it can be "
            "shown and exported, but only the version that began it can go on with it"
        )


def _warn_of_versions(run: "Run") -> None:
    for key, now in versions().items():
        if (then := run.made_with.get(key)) != now:
            _logger.warning(f"begun with {key} {then}, resumed with {now}: results may differ")


def _new_directory(space: SearchSpace, data: str, seed: int) -> Path:
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(data).stem)
    kind = "-random" if space.evolution.random else ""
    return Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{space.name}{kind}-{name}-s{seed}"
