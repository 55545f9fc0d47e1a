"""The study of one loss on a few seeds; `ganetic.evolution.score` trains."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ganetic.config import Config
from ganetic.evolution.score import Score, score
from ganetic.studies.study import STUDIES, Study, StudyPage, Surroundings


class ScoreConfig(Config):
    """What a score is a function of; see `ganetic.evolution.score.score`."""

    loss: str
    """A published loss, a card's path, or an expression."""
    data: str | None = None
    """A data set; None for the space's own."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """Trainings."""
    space: str = "quick"
    """Whose proxy and finals are used."""


@STUDIES.register("score")
class ScoreStudy(Study[ScoreConfig, Score]):
    """One loss on a few seeds."""

    config = ScoreConfig
    keeps = "no trainings"

    def run(self, config: ScoreConfig, folder: Path, surroundings: Surroundings) -> Score:  # noqa: ARG002
        """Train; nothing is kept."""
        return score(config.loss, config.data, config.seeds, config.space, surroundings.runtime, surroundings.callback)

    def page(self, results: Score) -> StudyPage:
        """Say how the seeds did, and what they say together beside the floor."""
        low, high, floor = results.fd_low, results.fd_high, results.floor_fd
        return (
            f"{results.name}: {results.readable}",
            results.seeds,
            f"{results.metric}: {results.fitness.fd:.1f}, 95 % interval {low:.1f} to {high:.1f} (real against real: "
            f"{floor:.1f}); instability {results.fitness.instability:.2f}; {results.fitness.failed} of "
            f"{len(results.seeds)} seeds failed; {results.steps} steps each",
        )
