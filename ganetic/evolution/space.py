"""Search spaces: what is searched, how, and on which proxy; read from TOML."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, FiniteFloat, field_validator, model_validator

from ganetic.config import Config, load_json, read_toml, validate
from ganetic.errors import UserError, did_you_mean, unknown
from ganetic.evolution.migrations import SPACE
from ganetic.evolution.seeds import SEEDS_A_ROLE
from ganetic.files import write_whole
from ganetic.loss.expression import Call, depth, node_count, variables_of, walk
from ganetic.loss.formula import VARIABLES, Form, Slot
from ganetic.loss.library import LIBRARY
from ganetic.loss.ops import OPERATORS
from ganetic.loss.screen import VANISHING_BOUND
from ganetic.metrics.feature_names import AUTO, CNN, checked_features
from ganetic.shipped import shipped_spaces
from ganetic.training.rates import RateList, Rates
from ganetic.training.spec import ProxySpec, PruningRule

EMA_DECAY = 0.98
"""Of a proxy in a file that names none. In 400 steps the ramp has not yet come there (analysis/fitness_sets.md)."""

Positive = Annotated[int, Field(ge=1)]
DistributedContext = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[FiniteFloat, Field(ge=0)]
Seeds = Annotated[int, Field(ge=1, le=SEEDS_A_ROLE)]


class Trees(Config):
    """What an expression may look like."""

    max_nodes: Annotated[int, Field(ge=3, le=200)] = 30
    """Nodes of one expression; larger offspring are drawn again."""
    max_depth: Annotated[int, Field(ge=1, le=30)] = 8
    """Levels below the root; deeper offspring are drawn again."""
    initial_depth: tuple[Positive, Positive] = (2, 5)
    """Shallowest and deepest random tree (DEAP's ramped half-and-half)."""
    constants: tuple[FiniteFloat, FiniteFloat] = (-5.0, 5.0)
    """Range of a random constant, drawn evenly and rounded to 4 significant digits."""


class Variation(Config):
    """How a child is made of its parents: weights, which need not add up to 1."""

    crossover: Weight = 0.4
    """Exchange of subtrees between two parents."""
    subtree: Weight = 0.2
    """A subtree is replaced by a random one."""
    node: Weight = 0.1
    """A node is replaced by another of the same arity."""
    ephemeral: Weight = 0.15
    """A constant is drawn again."""
    shrink: Weight = 0.05
    """A subtree is replaced by one of its branches."""
    insert: Weight = 0.1
    """A subtree becomes an argument of a new node."""
    rates: Weight = 0.1
    """The parent with other rates of the list; only where the space has `Genes`."""

    @model_validator(mode="after")
    def _something_varies(self) -> Self:
        if self.crossover + self.subtree + self.node + self.ephemeral + self.shrink + self.insert <= 0:
            raise ValueError("at least one weight must be positive")
        return self


class SpaceProxy(ProxySpec):
    """One of the small GANs that a loss is tried on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")] = "main"
    """Told apart by it where there are several."""
    data: str | None = None
    """Its data set, where that is not the run's."""

    @property
    def spec(self) -> ProxySpec:
        """The nets and the optimizer alone."""
        return ProxySpec.model_validate(self.model_dump(include=set(ProxySpec.model_fields)))


class Genes(RateList):
    """What an individual carries beside its trees: the rates of the list that it is trained with, on every proxy.

    Before the finals each of the finalists and of the references is trained at all rates of the list, on seeds of their
    own, and enters the finals with its best. A best rate at an end of the list extends the list for all of them
    (`ganetic.training.rates.chosen_rates`).
    """

    tuning_seeds: Seeds = 2
    """Trainings of each contestant of the finals at each of the rates."""


class Evolution(Config):
    """Steady-state NSGA-II."""

    renamed_keys: ClassVar[Mapping[str, str]] = {"reduction": "reduction_factor"}

    population: Annotated[int, Field(ge=2)] = 40
    """Individuals that breed; the first as many are random, or from the library."""
    window: Positive = 8
    """A child is bred from the results of all but the last `window` submissions. It is part of the search, not of
    the machine: more than window / 4 workers will wait for one another."""
    tournament: Positive = 3
    """Contestants for each parent."""
    parsimony: DistributedContext = 0.3
    """How often a tie in rank goes to the smaller individual instead of to the less crowded one."""
    # Left out where it is 1: spaces of runs that were made without it stay what they were.
    candidates: Annotated[int, Field(ge=1, le=100, exclude_if=lambda count: count == 1)] = 1
    """Viable children of which the one is trained that the nearest results told so far predict to be the best
    (`ganetic.evolution.neighbours`); every fifth child is the first one drawn all the same. 1: every child is."""
    reduction_factor: Annotated[FiniteFloat, Field(gt=1)] = 3.0
    """One in so many of a rung's individuals is trained on the next rung."""
    random: bool = False
    """Random search: no child has parents; all else is the same."""
    variation: Variation = Variation()


class Rung(Config):
    """A level of scrutiny: individuals of one rung have trained equally long on the same seeds."""

    steps: Positive
    """Updates of each player in a training."""
    seeds: Seeds
    """Trainings of an individual, with seeds of their own; those of the rungs below count."""


class Finals(Config):
    """The front's best and the references, on seeds that chose none of them."""

    finalists: Positive = 3
    """Individuals of the front that enter."""
    seeds: Seeds = 3
    """Trainings of each finalist and of each reference."""
    steps: Positive
    """Updates of each player in a training."""
    references: tuple[str, ...] = ("bce", "ganetic")
    """Losses of the library, trained beside the finalists."""


class Stop(Config):
    """When the search ends; not part of what must stay the same when a run is resumed."""

    max_trials: Positive
    """Trainings before the finals."""


class SearchSpace(Config):
    """Everything that decides a search, but for the data and the seed."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
    """Used in the names of runs."""
    description: str = ""
    """One line for people."""
    data: str = "mnist5k"
    """Data set unless the command line names another."""
    form: Form
    """`label`: one tree L(y, p). `logit`: a tree for each slot over d."""
    slots: tuple[Slot, ...] = ("d_real", "d_fake", "g_fake")
    """Of the logit form: add `g_real` for relativistic losses."""
    variables: tuple[str, ...] = ()
    """What the trees may read: `y`, `p` for the label form; `d`, and `m` for relativistic losses, for the logit form.
    Empty: y and p, or d."""
    operators: Annotated[tuple[str, ...], Field(min_length=1)]
    """Rows of the operator table."""
    library_seeds: tuple[str, ...] = ()
    """Losses of the library that start in the population, unscreened and unpruned. Empty: a search from scratch."""
    vanishing_bound: Annotated[float, Field(ge=0, le=1)] = VANISHING_BOUND
    """The screen's smallest |g(-5.5)| / |g(0)|. Lower it for proxies on which saturating losses train."""
    trees: Trees = Trees()
    # Left out where there are none: spaces of runs that were made without them stay what they were.
    genes: Annotated[Genes | None, Field(exclude_if=lambda genes: genes is None)] = None
    """The rates that losses are trained with; without them, each proxy's own."""
    evolution: Evolution = Evolution()
    checkpoint_every: Positive = 50
    """Steps between two measurements of the Fréchet distance."""
    kill: tuple[PruningRule, ...] | Literal["calibrated"] = "calibrated"
    """A trial stops when fd / fd of the untrained generator is above this share at this step. `calibrated`: the rules
    follow from trainings of the published losses on each proxy and its data."""
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)]
    """Steps and seeds, from cheap to dear; neither falls from one to the next."""
    finals: Finals
    proxies: Annotated[tuple[SpaceProxy, ...], Field(min_length=1)] = (SpaceProxy(),)
    """What a loss is tried on. Of several each weighs alike, so that what is found is not a trick of one."""
    # Left out where it is the default: spaces of runs that were made without it stay what they were.
    proxy: Annotated[Literal["fixed", "calibrated"], Field(exclude_if=lambda name: name == "fixed")] = "fixed"
    """`fixed`: the proxies as they stand here, on any data. `calibrated`: on other data than the space's own, proxies
    that name no data get the settings that `ganetic calibrate --choose` chooses there, once for each data set."""
    stop: Stop

    @property
    def rates(self) -> tuple[Rates | None, ...]:
        """The rates that an individual may carry; None stands for each proxy's own."""
        return (None,) if self.genes is None else self.genes.pairs

    @property
    def tree_names(self) -> tuple[str, ...]:
        """The expressions of an individual: `loss`, or the slots."""
        return ("loss",) if self.form == "label" else self.slots

    @property
    def tree_variables(self) -> tuple[str, ...]:
        """What the trees read, defaults filled in."""
        return self.variables or (("y", "p") if self.form == "label" else ("d",))

    def randomised(self) -> "SearchSpace":
        """The same space for a random search, to compare a search with."""
        return self.model_copy(update={"evolution": self.evolution.model_copy(update={"random": True})})

    def checkpoints(self, steps: int) -> tuple[int, ...]:
        """Steps at which a trial of this length is measured: every so often, at kill rules, at rungs, at the end."""
        marks = {*range(self.checkpoint_every, steps, self.checkpoint_every), steps}
        if self.kill != "calibrated":
            marks.update(rule.step for rule in self.kill)
        marks.update(rung.steps for rung in self.rungs)
        return tuple(sorted(mark for mark in marks if mark <= steps))

    @field_validator("proxy", mode="before")
    @classmethod
    def _known_proxy(cls, value: Any) -> Any:
        allowed = ("fixed", "calibrated")
        if value not in allowed:
            nearest = did_you_mean(value, allowed) if isinstance(value, str) else ""
            raise ValueError(f'expected "fixed" or "calibrated"{nearest}')
        return value

    @field_validator("kill", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "calibrated":
            nearest = did_you_mean(value, ["calibrated"])
            raise ValueError(f'expected "calibrated" or a list of {{ step = …, above = … }}{nearest}')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_names(self)
        _check_rungs(self)
        for name in self.library_seeds:
            _check_library_seed(self, name)
        return self


class FileProxy(SpaceProxy):
    """A proxy in a space's file, where another fitness is the default than in the records of runs.

    A record that names neither an average nor features is one of the first runs, of a trained generator in the
    features of the small CNN. A file that names neither asks for what docs/fitness.md shows to be better.
    """

    ema_decay: Annotated[float, Field(ge=0, lt=1, exclude_if=lambda decay: decay == 0)] = EMA_DECAY
    """See `ganetic.training.spec.ProxySpec.ema_decay`."""
    features: Annotated[str, AfterValidator(checked_features), Field(exclude_if=lambda name: name == CNN)] = AUTO
    """See `ganetic.training.spec.ProxySpec.features`."""


class SpaceFile(SearchSpace):
    """A search space as its file describes it."""

    proxies: Annotated[tuple[FileProxy, ...], Field(min_length=1)] = (FileProxy(),)
    """See `SearchSpace.proxies`."""

    @property
    def space(self) -> SearchSpace:
        """The space itself."""
        return SearchSpace.model_validate(self.model_dump())


def with_features(space: SearchSpace, features: str | None, sha256: str | None = None) -> SearchSpace:
    """The space with other features in every proxy.

    Args:
        space: the space.
        features: see `ganetic.training.spec.ProxySpec.features`; None for each proxy's own.
        sha256: the digest of their file; None for any.

    Raises:
        UserError: there are no such features, or they are in no file and have a digest.
    """
    if features is None and sha256 is None:
        return space
    given = {} if features is None else {"features": features, "features_sha256": ""}
    given |= {} if sha256 is None else {"features_sha256": sha256}
    where = "--features" if features is not None else "--sha256"
    proxies = (validate({**proxy.model_dump(), **given}, SpaceProxy, where) for proxy in space.proxies)
    return space.model_copy(update={"proxies": tuple(proxies)})


def _check_names(space: SearchSpace) -> None:
    for place, given, allowed in (
        ("operators", space.operators, tuple(OPERATORS)),
        ("variables", space.variables, tuple(name for name in VARIABLES[space.form] if name != "s")),
        ("library_seeds", space.library_seeds, tuple(LIBRARY)),
        ("finals.references", space.finals.references, tuple(LIBRARY)),
    ):
        for index, name in enumerate(given):
            if name not in allowed:
                expected = ", ".join(allowed)
                raise ValueError(
                    f'{place}[{index}] is "{name}"; expected one of {expected}{did_you_mean(name, allowed)}'
                )
        if len(set(given)) < len(given):
            raise ValueError(f"{place} names something twice")
    if space.form == "logit" and space.slots not in (
        ("d_real", "d_fake", "g_fake"),
        ("d_real", "d_fake", "g_fake", "g_real"),
    ):
        raise ValueError("slots must be d_real, d_fake, g_fake and perhaps g_real, in this order")
    names = [proxy.name for proxy in space.proxies]
    if len(set(names)) < len(names):
        raise ValueError(f"proxies have the names {', '.join(names)}; each needs its own")
    low, high = space.trees.initial_depth
    if low > high or high > space.trees.max_depth:
        raise ValueError(f"trees.initial_depth is ({low}, {high}); it must rise and stay within trees.max_depth")
    if space.trees.constants[0] >= space.trees.constants[1]:
        raise ValueError("trees.constants must be a rising pair")


def _check_rungs(space: SearchSpace) -> None:
    for index, (lower, upper) in enumerate(zip(space.rungs, space.rungs[1:], strict=False)):
        if upper.steps < lower.steps or upper.seeds < lower.seeds or upper == lower:
            raise ValueError(f"rungs[{index + 1}] must add steps or seeds to rungs[{index}] and take away neither")
    before = 0
    for index, rule in enumerate(() if space.kill == "calibrated" else space.kill):
        if rule.step >= space.rungs[0].steps:
            raise ValueError(f"kill[{index}].step is {rule.step}; it must lie before rungs[0].steps")
        if rule.step <= before:
            raise ValueError(f"kill[{index}].step is {rule.step}; steps must rise from rule to rule")
        before = rule.step


def _check_library_seed(space: SearchSpace, name: str) -> None:
    formula = LIBRARY[name].formula
    if formula.form != space.form or tuple(formula.trees) != space.tree_names:
        raise ValueError(f'library_seeds: "{name}" does not have the form and slots of this space')
    for tree in formula.trees.values():
        operators = {node.op for node in walk(tree) if isinstance(node, Call)}
        missing = sorted((operators - set(space.operators)) | (variables_of(tree) - set(space.tree_variables)))
        if missing:
            raise ValueError(f'library_seeds: "{name}" needs {", ".join(missing)}, which this space does not list')
        if node_count(tree) > space.trees.max_nodes or depth(tree) > space.trees.max_depth:
            raise ValueError(f'library_seeds: "{name}" is larger than trees.max_nodes or trees.max_depth')


def read_space(path: Path) -> SearchSpace:
    """Read the copy of its space that a run keeps, as JSON.

    Raises:
        UserError: it cannot be read or is not valid.
    """
    return SPACE.read(load_json(path, "restore it, or start a new run"), SearchSpace, where=str(path))


def write_space(path: Path, space: SearchSpace) -> None:
    """Write the copy of its space that a run keeps.

    Raises:
        UserError: the place cannot be written.
    """
    write_whole(path, json.dumps(SPACE.stamped(space.model_dump(mode="json")), indent=2, ensure_ascii=False) + "\n")


def load_space(source: str | Path) -> SearchSpace:
    """Read a space from a file, or by the name of a shipped one.

    Raises:
        UserError: there is none of that name, or it is not valid.
    """
    shipped = shipped_spaces()
    if str(source) in shipped:
        return read_toml(shipped[str(source)], SpaceFile).space
    path = Path(source)
    if path.suffix == ".toml" or path.exists():
        if path.is_dir():
            raise UserError(f"{path}: a directory; expected a search space (a TOML file)")
        return read_toml(path, SpaceFile).space
    raise unknown("search space", str(source), shipped)
