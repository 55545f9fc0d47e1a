"""The proxies of a space on a data set: as the space has them, or with the settings that were chosen there."""

import logging
from collections.abc import Sequence
from typing import Any

from ganetic.callbacks import Progress, ProgressCallback
from ganetic.data import resolved, size_of, with_size
from ganetic.errors import typed
from ganetic.evolution.choice_store import KeptChoice
from ganetic.evolution.choose import choose, conditions_of, find_choice, first_of
from ganetic.evolution.resources import Runtime
from ganetic.evolution.shortlist import CHANGED, changes
from ganetic.evolution.space import SearchSpace, SpaceProxy

_logger = logging.getLogger(__name__)

LEFT_OUT = '`--proxy fixed`, or proxy = "fixed" in the space, leaves it out'


def is_chosen(space: SearchSpace, data: str) -> bool:
    """Whether the proxies of a space are to be chosen on a data set: it says so, and this is not its own data.

    Raises:
        UserError: a name of a data set cannot be taken apart.
    """
    names_all = all(proxy.data is not None for proxy in space.proxies)
    return space.proxy == "calibrated" and not names_all and resolved(data) != resolved(space.data)


def on_data(
    space: SearchSpace, data: str, runtime: Runtime, callback: ProgressCallback[Progress]
) -> tuple[SearchSpace, str]:
    """The space with the proxies that a search uses on a data set, and the data set with the size that is used.

    Where the proxies are to be chosen and no choice is in the cache, it is made first.

    Args:
        space: a search space.
        data: name of the data set.
        runtime: where.
        callback: is told where a choice stands.

    Raises:
        UserError: see `ganetic.evolution.choose.choose`.
    """
    if not is_chosen(space, data):
        return as_fixed(space), data
    kept = choose(space, data, runtime, callback, advice=LEFT_OUT)
    return with_choice(space, kept), kept.data


def as_known(space: SearchSpace, data: str, runtime: Runtime) -> tuple[SearchSpace, str]:
    """Like `on_data`, for whoever wants to train a few losses: a choice is used where there is one, and never made.

    Args:
        space: a search space.
        data: name of the data set.
        runtime: where.

    Raises:
        UserError: the data cannot be loaded.
    """
    if not is_chosen(space, data):
        return as_fixed(space), data
    if kept := find_choice(conditions_of(space, data, runtime), resolved(data)):
        _logger.info(f"{data}: the proxy that was chosen there, {kept.choice.chosen.name} ({kept.place})")
        return with_choice(space, kept), kept.data
    command = typed("ganetic", "calibrate", "--choose", "--data", data)
    _logger.info(f"{data}: no proxy was chosen there; trained on the space's own; `{command}` chooses one")
    return as_fixed(space), data


def with_choice(space: SearchSpace, kept: KeptChoice) -> SearchSpace:
    """The space with a choice written into the proxies that name no data; it stays so wherever it is read again.

    What the choice changed in the space's first proxy is changed in all of them, so that they still differ in what it
    left alone.
    """
    update = changes(first_of(space), kept.choice.chosen.proxy)
    proxies = tuple(proxy if proxy.data is not None else proxy.model_copy(update=update) for proxy in space.proxies)
    return as_fixed(space.model_copy(update={"proxies": proxies}))


def as_begun(space: SearchSpace, data: str, begun: Sequence[SpaceProxy], begun_on: str) -> tuple[SearchSpace, str]:
    """The space and the data of something that was begun with a choice; both unchanged where that is something else.

    What goes on is not chosen again, whatever has become of the cache. What no choice changes must be as it was.

    Args:
        space: as it is now.
        data: as it is named now.
        begun: the proxies that it was begun with.
        begun_on: the data that it was begun on.
    """
    chosen = {proxy.name: proxy for proxy in begun}
    is_same = size_of(data) in (None, size_of(begun_on)) and with_size(resolved(data), size_of(begun_on)) == begun_on
    if not is_chosen(space, data) or not is_same or set(chosen) != {proxy.name for proxy in space.proxies}:
        return space, data
    proxies = tuple(
        proxy.model_copy(update={key: getattr(chosen[proxy.name], key) for key in CHANGED}) for proxy in space.proxies
    )
    return as_fixed(space.model_copy(update={"proxies": proxies})), begun_on


def as_fixed(space: SearchSpace) -> SearchSpace:
    """The same space, whose proxies are as they stand there."""
    return space if space.proxy == "fixed" else space.model_copy(update={"proxy": "fixed"})


def planned(space: SearchSpace, data: str, runtime: Runtime) -> tuple[SearchSpace, str, dict[str, Any]]:
    """Say what `on_data` would do, without training anything.

    Returns:
        The space and the data set as far as they are known, and in plain data whether a proxy has been chosen, would be
        chosen first, or stays.

    Raises:
        UserError: the data cannot be loaded.
    """
    if not is_chosen(space, data):
        return as_fixed(space), data, {"proxy": "fixed"}
    data = resolved(data)
    conditions = conditions_of(space, data, runtime)
    tried = {"settings": [setting.name for setting in conditions.settings], "most_trainings": conditions.most_trainings}
    if kept := find_choice(conditions, data):
        said = {"proxy": "chosen", "setting": kept.choice.chosen.name, "file": str(kept.place)}
        return with_choice(space, kept), kept.data, said
    return space, data, {"proxy": "to be chosen", "steps": conditions.schedule.steps, **tried, "leave_out": LEFT_OUT}
