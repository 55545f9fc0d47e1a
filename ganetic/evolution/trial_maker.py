"""From what a trial is for to the training that a worker is given: a function of the run's configuration alone."""

from ganetic.evolution.config import RunConfig
from ganetic.evolution.finals import AFTER_SEARCH, FINAL, TUNING, FinalTrial, Kind
from ganetic.evolution.seeds import training_seed
from ganetic.evolution.trial_queue import ABOUT
from ganetic.evolution.trial_request import TrialRequest
from ganetic.jobs.journal import Submission
from ganetic.training.rates import Rates
from ganetic.training.spec import TrialSpec, with_rates


class TrialMaker:
    """Makes the trials of a run.

    Args:
        config: what the run is a function of.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config, self._space = config, config.space

    def of(self, submission: Submission) -> TrialSpec:
        """The trial that a journal's submission asked for, whoever submitted it."""
        about = submission.payload[ABOUT]
        if submission.kind in AFTER_SEARCH:
            kind: Kind = FINAL if submission.kind == FINAL else TUNING
            return self.after_search(kind, submission.text, FinalTrial.model_validate(about))
        return self.of_search(TrialRequest.model_validate(about))

    def of_search(self, proposal: TrialRequest) -> TrialSpec:
        """The trial that evolution asks for."""
        place, proxy = divmod(proposal.slot, len(self._space.proxies))
        seed = training_seed(self._config.seed, "search", place)
        return self._trial(proposal.text, proposal.rates, proxy, seed, proposal.steps, proposal.prunable)

    def after_search(self, kind: Kind, text: str, about: FinalTrial) -> TrialSpec:
        """A trial of the finals, or of those that choose rates for them."""
        seed = training_seed(self._config.seed, kind, about.seed)
        return self._trial(text, about.rates, about.proxy, seed, self._space.finals.steps, prunable=False)

    def _trial(self, text: str, rates: Rates | None, number: int, seed: int, steps: int, prunable: bool) -> TrialSpec:
        proxy, measure = self._space.proxies[number], self._config.measures[number]
        # Rules say how far a loss must have come at the proxy's own rate; at a lower one it may take longer.
        is_slower = rates is not None and rates.learning_rate < proxy.learning_rate
        return TrialSpec(
            formula=text,
            seed=seed,
            steps=steps,
            checkpoints=self._space.checkpoints(steps),
            kill=measure.kill if prunable and not is_slower else (),
            proxy=with_rates(proxy.spec, rates),
            materials=proxy.name,
        )
