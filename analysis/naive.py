"""What the benchmarks compare with: the training step and the search loop that one would write first.

Nothing here is slow on purpose. The step is that of most tutorials; the loop is DEAP's `eaSimple` with a fitness that
trains a GAN: generation by generation, one loss after the other, in one process.
"""

import math
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from ganetic.errors import UserError
from ganetic.evolution.genome import Genome, Trees, drawing_from
from ganetic.evolution.space import SearchSpace
from ganetic.gan.dcgan import Discriminator, Generator, initialise
from ganetic.loss.compile import GanLoss
from ganetic.loss.fingerprint import of_responses
from ganetic.loss.formula import Formula
from ganetic.loss.numeric import responses
from ganetic.loss.screen import judge
from ganetic.metrics.features import to_unit
from ganetic.metrics.fitness import Fitness, SeedTrace, fitness
from ganetic.metrics.reference import Extractor
from ganetic.reproducible import random_stream
from ganetic.training.proxy_data import ProxyData
from ganetic.training.spec import ProxySpec
from ganetic.training.trainer import generate

STEPS = 800
CROSSOVER, MUTATION = 0.5, 0.2
"""The probabilities in DEAP's examples of `eaSimple`."""


class NaiveGan:
    """Both nets of a proxy in torch's default layout with torch's own layers, and two Adams as they come.

    Args:
        proxy: the nets' settings.
        size: side of the images.
        channels: 1 or 3.
        seed: of the initialisation.
    """

    def __init__(self, proxy: ProxySpec, size: int, channels: int, seed: int) -> None:
        self.generator = Generator(proxy.latent, size, channels, proxy.width, proxy.batch_norm)
        self.discriminator = Discriminator(size, channels, proxy.width, proxy.batch_norm)
        self.generator.image = nn.ConvTranspose2d(proxy.width, channels, 4, 2, 1)
        self.discriminator.features = nn.Conv2d(channels, proxy.width, 4, 2, 1)
        initialise(self.generator, random_stream(seed, "generator"))
        initialise(self.discriminator, random_stream(seed, "discriminator"))
        rates: dict[str, Any] = {"lr": proxy.learning_rate, "betas": (proxy.beta1, proxy.beta2)}
        self._optimizer_g = torch.optim.Adam(self.generator.parameters(), **rates)
        self._optimizer_d = torch.optim.Adam(self.discriminator.parameters(), **rates)

    def step(self, loss: GanLoss, real: Tensor, latents: Tensor) -> None:
        """Update D, then G, each on images of its own pass through G; D's gradients are computed both times."""
        d_loss = loss.discriminator(self.discriminator(real), self.discriminator(self.generator(latents).detach()))
        self._optimizer_d.zero_grad()
        d_loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer_d.step()

        real_logits = self.discriminator(real) if loss.needs_real_logits else None
        g_loss = loss.generator(self.discriminator(self.generator(latents)), real_logits)
        self._optimizer_g.zero_grad()
        g_loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer_g.step()


class NaiveSearch:
    """A generational search on the first proxy of a space.

    Attributes:
        texts: of the losses trained so far; what was bred twice was trained twice.
        seconds: that this took.
    """

    def __init__(self, space: SearchSpace, proxy_data: ProxyData, seed: int = 0) -> None:
        self._space, self._proxy_data = space, proxy_data
        self._genome, self._stream = Genome(space), random.Random(seed)
        self._population: list[tuple[Trees, float]] = []
        self._offspring: list[tuple[Trees, float]] = []
        self._untried: list[Trees] = []
        self.texts: list[str] = []
        self.seconds = 0.0

    def run(self, seconds: float) -> None:
        """Go on for about so long; the last loss is trained to its end."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            if not self._untried:
                self._next_generation()
            trees = self._untried.pop()
            try:
                formula = self._genome.formula(trees)
            except UserError:  # a constant part of it is not finite
                continue
            self._offspring.append((trees, self._evaluate(formula).fd))
            self.texts.append(formula.text)
        self.seconds += time.perf_counter() - began

    def viable(self) -> int:
        """How many different losses among the trained ones pass the screen."""
        return self._viable(map(Formula.from_text, self.texts))

    def viable_share(self, draws: int, seed: int) -> float:
        """The share of losses drawn as those of the first generation that are different and pass the screen."""
        drawn: list[Formula] = []
        with drawing_from(random.Random(seed)):
            while len(drawn) < draws:
                with suppress(UserError):  # a constant part of it is not finite
                    drawn.append(self._genome.formula(self._genome.random()))
        return self._viable(drawn) / draws

    def _viable(self, formulas: Iterable[Formula]) -> int:
        found = set()
        for formula in formulas:
            points, slots = responses(formula)
            verdict = judge(points, slots, self._space.vanishing_bound)
            if verdict.passed:
                found.add(of_responses(points, slots, verdict.orientation))
        return len(found)

    def _next_generation(self) -> None:
        """Tournaments of three, then crossover and mutation by chance; whom neither befalls keeps its fitness."""
        size = self._space.evolution.population
        with drawing_from(self._stream):
            if not self._offspring:
                self._untried = [self._genome.random() for _ in range(size)]
                return
            self._population, self._offspring = self._offspring, []
            while len(self._untried) + len(self._offspring) < size or not self._untried:
                chosen = trees, _ = self._selected()
                if random.random() < CROSSOVER:
                    trees = self._genome.cross(trees, self._selected()[0])
                if random.random() < MUTATION:
                    trees = self._genome.mutate(trees, "subtree")
                if trees is chosen[0]:
                    self._offspring.append(chosen)
                else:
                    self._untried.append(trees)

    def _selected(self) -> tuple[Trees, float]:
        return min(random.choices(self._population, k=3), key=lambda individual: individual[1])

    def _evaluate(self, formula: Formula) -> Fitness:
        """The fitness of the package, of one training of full length; what went wrong counts as untrained."""
        proxy, proxy_data = self._space.proxies[0].spec, self._proxy_data
        size, channels = proxy_data.images.shape[2:]
        gan = NaiveGan(proxy, size, channels, seed=0)
        extractor = Extractor(proxy_data.weights, proxy_data.inception, "cpu")
        loss, images = GanLoss(formula), torch.tensor(proxy_data.images)
        latents = torch.randn(proxy_data.sample_size, proxy.latent)
        points: list[tuple[int, float]] = []
        checkpoints = set(self._space.checkpoints(STEPS)) | {0, STEPS}
        for step in range(STEPS + 1):
            if step:
                real = to_unit(images[torch.randint(len(images), (proxy.batch,))]).contiguous()
                gan.step(loss, real, torch.randn(proxy.batch, proxy.latent))
            if step in checkpoints:
                generated = extractor.distance_features(generate(gan.generator, latents, "cpu")[-1])
                points.append((step, proxy_data.reference.distance_to(generated)))
        failed = not all(0 < fd < math.inf for _, fd in points)
        return fitness([SeedTrace(failed, tuple(points))], proxy_data.start_fd, proxy_data.floor_fd)
