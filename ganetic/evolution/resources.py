"""Where and for how long trials run: what has no say in their results."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import Executor
from ganetic.jobs.ray_executor import RayExecutor
from ganetic.training.proxy_data import ProxyData, load_for, prepare
from ganetic.training.spec import ProxySpec
from ganetic.training.trial import trial_job

_logger = logging.getLogger(__name__)

WALL_SECONDS_A_STEP = 1.0
"""A net under a trial, not a budget: a hundred times what a step of the shipped spaces takes."""

Context = ProxyData | Mapping[str, ProxyData]
"""What trials are run on: the data of one proxy, or of several by name, of which a trial names its own."""
MakeExecutor = Callable[[Context], Executor]
"""Makes an executor for trials on the data of proxies."""


@dataclass(frozen=True)
class Runtime:
    """Where a search runs and for how long: what `resume` may change.

    Attributes:
        workers: trials at once; None for one a core, or what a cluster has room for.
        address: of a Ray cluster; None starts Ray on this machine.
        gpus_per_trial: share of a GPU a trial.
        max_trials: trials before the finals; None for what the space says.
        time_budget_seconds: stop asking for trials after so long; the finals come on top.
        download: whether missing data may be downloaded.
        inception_weights: file of InceptionV3 weights, in whose features distances are measured then.
        make_executor: who trains, instead of Ray.
    """

    workers: int | None = None
    address: str | None = None
    gpus_per_trial: float = 0.0
    max_trials: int | None = None
    time_budget_seconds: float | None = None
    download: bool = False
    inception_weights: Path | str | None = None
    make_executor: MakeExecutor | None = None

    def proxy_data(self, data: str, proxy: ProxySpec) -> ProxyData:
        """Load a data set and prepare it for a proxy.

        Raises:
            UserError: it cannot be loaded or is not fit for a search.
        """
        images = load_for(proxy, data, self.download)
        for note in images.notes:
            _logger.info(note)
        _logger.info(f"preparing {data}: feature net and reference statistics, once for each data set")
        weights = None if self.inception_weights is None else Path(self.inception_weights)
        proxy_data = prepare(images, proxy, weights)
        for note in proxy_data.notes:
            _logger.info(f"{data}: {note}")
        _logger.info(
            f"{proxy_data.protocol}: untrained generator {proxy_data.start_fd:.4g}, "
            f"real images against real ones {proxy_data.floor_fd:.3g}. {proxy_data.shared}".rstrip()
        )
        if proxy_data.modes is not None:
            _logger.info(f"{data}: {proxy_data.modes.note}")
        return proxy_data

    def proxy_data_of(self, space: SearchSpace, data: str) -> dict[str, ProxyData]:
        """Load and prepare the data of each proxy of a space, by the proxy's name; see `proxy_data`."""
        return {proxy.name: self.proxy_data(proxy.data or data, proxy.spec) for proxy in space.proxies}

    def executor(self, context: Context, steps: int) -> Executor:
        """An executor for trials of at most so many steps."""
        if self.make_executor is not None:
            return self.make_executor(context)
        return RayExecutor(
            trial_job,
            context,
            workers=self.workers,
            address=self.address,
            gpus_per_job=self.gpus_per_trial,
            wall_seconds=120 + WALL_SECONDS_A_STEP * steps,
        )
