"""What a trial is told: the proxy's settings, the loss, the seed and the budget."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ganetic.config import Config
from ganetic.gan.profiles import ProfileName
from ganetic.gan.upsampling import Upsampling
from ganetic.metrics.feature_names import CNN, checked_digest, checked_features, is_file
from ganetic.training.rates import Beta1, LearningRate, Rates

Steps = Annotated[int, Field(ge=1)]


class ProxySpec(Config):
    """The small DCGAN that stands for a long training, and its optimizer."""

    width: Annotated[int, Field(ge=1, le=1024)] = 16
    """Channels of the wider image layers; a quarter-size layer has twice as many."""
    batch: Annotated[int, Field(ge=2, le=4096)] = 32
    """Images a step, real and generated each."""
    learning_rate: LearningRate = 2e-3
    """Adam's learning rate, of both players."""
    beta1: Beta1 = 0.5
    """Adam's first decay rate."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Adam's second decay rate."""
    latent: Annotated[int, Field(ge=1, le=4096)] = 64
    """Length of a latent vector."""
    batch_norm: bool = True
    """Batch norm in both nets. Without it losses differ more, and so do seeds."""
    # Left out where it is off: specs written without it stay what they were, and calibrations keep their keys.
    ema_decay: Annotated[float, Field(ge=0, lt=1, exclude_if=lambda decay: decay == 0)] = 0.0
    """Decay rate of the averaged generator, batch norm's statistics included, which is measured; 0 measures the trained
    generator itself. It is (1 + step) / (10 + step) where that is less."""
    features: Annotated[str, AfterValidator(checked_features), Field(exclude_if=lambda name: name == CNN)] = CNN
    """The features of a distance: ``cnn``, those of a small CNN that learns from the data; ``imagenet``, those of
    EfficientNet-Lite0, which see more where the data is a few hundred images (``imagenet32`` and
    ``imagenet64`` say at how many pixels a side); ``auto``, whichever of them passes the self-test on the data at least
    cost; or ``ARCHITECTURE:FILE``, those of a torchvision net with the weights in a file."""
    features_sha256: Annotated[str, AfterValidator(checked_digest), Field(exclude_if=lambda digest: digest == "")] = ""
    """The digest that the file of `features` must have, or its first 8 digits or more; empty for any."""
    images: Annotated[int, Field(ge=64, le=50_000)] = 2000
    """Images that a Fréchet distance compares with as many real ones; fewer where the data has not twice as many."""
    # Left out where it is off: specs written without it stay what they were, and calibrations keep their keys.
    augmentation: Annotated[ProfileName, Field(exclude_if=lambda name: name == "none")] = "none"
    """The profile of `ganetic.gan.profiles` through whose random changes D sees real and generated images; meant for
    sets of fewer than 2,000."""
    # Left out where it is off, likewise.
    r1: Annotated[float, Field(ge=0, exclude_if=lambda weight: weight == 0)] = 0.0
    """Weight of the R1 penalty of D, relative to the loss's gradient scale, see `ganetic.gan.regulariser`; a step takes
    about twice as long with it."""
    upsampling: Annotated[Upsampling, Field(exclude_if=lambda name: name == "transposed")] = "transposed"
    """How the generator doubles the side of its features: by transposed convolutions, or by bilinear enlargement and a
    3×3 convolution ("resize"), which leaves no grid; a step takes 1.2 to 1.4 times as long."""

    @property
    def counts_modes(self) -> bool:
        """Whether mode collapse is told by thresholds from the data.

        The first fitness, of a trained generator in the features of the small CNN, keeps those that were set on
        digits, so that its runs stay what they were.
        """
        return self.ema_decay > 0 or self.features != CNN

    @model_validator(mode="after")
    def _digest_of_a_file(self) -> Self:
        if self.features_sha256 and not is_file(self.features):
            raise ValueError(
                f'features_sha256 is given, but features "{self.features}" are in no file; leave it out, or name '
                "ARCHITECTURE:FILE"
            )
        return self


def with_rates(proxy: ProxySpec, rates: Rates | None) -> ProxySpec:
    """The proxy with other rates; None for its own."""
    return proxy if rates is None else proxy.model_copy(update=rates.model_dump())


class PruningRule(Config):
    """Stops a trial that has failed so early that training on would be a waste."""

    step: Steps
    """The checkpoint at which the rule is applied."""
    above: Annotated[float, Field(gt=0)]
    """Stop when the Fréchet distance, divided by the untrained generator's, is above this."""


class TrialSpec(Config):
    """One loss, one seed, one budget."""

    formula: str
    """The loss, as `ganetic.loss.formula.Formula.text` writes it."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """Decides initialisation, latents and the order of the images; the loss does not, so that losses can be paired."""
    steps: Steps
    """Updates of each player."""
    checkpoints: tuple[Steps, ...] = ()
    """Increasing steps at which the Fréchet distance is measured. Step 0 and the last step always are."""
    kill: tuple[PruningRule, ...] = ()
    """Rules, each at a checkpoint or at the last step."""
    proxy: ProxySpec = ProxySpec()
    """The nets and the optimizer."""
    materials: str | None = None
    """Which of the data of several proxies it is run on, by the proxy's name; None where there is but one."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.checkpoints) != sorted(set(self.checkpoints)) or max(self.measured) > self.steps:
            raise ValueError(f"checkpoints {self.checkpoints} do not increase within 1 … {self.steps}")
        stray = [rule.step for rule in self.kill if rule.step not in self.measured]
        if stray:
            raise ValueError(
                f"kill rule at step {stray[0]}, where nothing is measured; expected one of {self.measured}"
            )
        return self

    @property
    def measured(self) -> tuple[int, ...]:
        """The steps at which the Fréchet distance is measured, without step 0."""
        return tuple(dict.fromkeys((*self.checkpoints, self.steps)))
