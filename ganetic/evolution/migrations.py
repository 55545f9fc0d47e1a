"""How searches were stored before: from each format of a run, of its space and of its trials to the next."""

from collections.abc import Callable
from typing import Any

from ganetic.formats import Format, Plain, renamed

SETTINGS_OF_A_MEASURE = ("images", "features", "metric", "start_fd", "floor_fd", "model")
"""Keys with which format 1 described its one proxy in the configuration itself."""

RETIRED = {"tuning": 0.0, "niche_radius": 0.0, "niche_size": None}
"""Keys of format 2's ``evolution`` that are gone from the code, with the value that means that they had no say.

``tuning``: the share of children whose constants alone were moved, by CMA-ES. ``niche_radius``: how near losses of one
niche were; 0 for no niches. ``niche_size``: individuals that bred from a niche; without niches it has no say.
"""


def _several_proxies(space: Plain) -> Plain:
    """1 to 2: a space has a list of proxies; in later formats ``proxy`` is a string, how they are found."""
    if not isinstance(space.get("proxy"), dict):
        return space
    rest = {key: value for key, value in space.items() if key != "proxy"}
    return {**rest, "proxies": [{**space["proxy"], "name": "main", "data": None}]}


def _without_retired(space: Plain) -> Plain:
    """2 to 3: constants by CMA-ES and niches are gone."""
    evolution = space.get("evolution", {})
    return {**space, "evolution": {key: value for key, value in evolution.items() if key not in RETIRED}}


def _reduction_factor(space: Plain) -> Plain:
    """3 to 4: ``evolution.reduction`` is ``reduction_factor``."""
    return {**space, "evolution": renamed(space.get("evolution", {}), {"reduction": "reduction_factor"})}


def _of_config(change: Callable[[Plain], Plain]) -> Callable[[Plain], Plain]:
    """The change of a space as one of a run's meta, which holds a configuration, which holds the space."""

    def changed(meta: Plain) -> Plain:
        config = meta["config"]
        return {**meta, "config": {**config, "space": change(config["space"])}}

    return changed


def _measures(meta: Plain) -> Plain:
    """1 to 2: how losses are measured is said for each proxy, the rules that prune a trial included."""
    config = _of_config(_several_proxies)(meta)["config"]
    if "measures" in config:
        return {**meta, "config": config}
    own = {key: config[key] for key in SETTINGS_OF_A_MEASURE}
    rest = {key: value for key, value in config.items() if key not in own}
    measure = {"proxy": "main", **own, "kill": config["space"].get("kill", [])}
    return {**meta, "config": {**rest, "measures": [measure]}}


def _retired(meta: Plain) -> Plain:
    """2 to 3: what is gone and had a say is kept beside the space, so that such a run is shown but not gone on with."""
    evolution = meta["config"]["space"].get("evolution", {})
    had_a_say = {
        f"evolution.{key}": evolution[key]
        for key, off in RETIRED.items()
        if off is not None and evolution.get(key, off) != off
    }
    changed = _of_config(_without_retired)(meta)
    return {**changed, "config": {**changed["config"], "retired": had_a_say}} if had_a_say else changed


def _short_trials(plain: Plain) -> Plain:
    """4 to 5: the same, but trials are kept without what follows from the configuration; see `about_today`."""
    return plain


SEARCH = Format("search", (_measures, _retired, _of_config(_reduction_factor), _short_trials))
"""What a run's journal says of the search as a whole: its configuration, and what it was made with."""

SPACE = Format("search space", (_several_proxies, _without_retired, _reduction_factor, _short_trials))
"""The copy of its space that a run keeps, and that whoever resumes it may change."""


def about_today(about: Any, text: str) -> Any:
    """What a trial is for, as it is said today, from any format.

    A run that was resumed holds trials of several formats. They are told apart by what they hold. Those of format 1 had
    one proxy: a child's or a re-seed's ``seed`` counts what is now its ``slot``, and finals name no proxy. Since format
    5 a child or a re-seed is kept without its text, which the journal has beside it.

    Args:
        about: what the journal says that the trial is for.
        text: what it says was tried.
    """
    if not isinstance(about, dict):
        return about
    if "contestant" in about:
        return about if "proxy" in about else {**about, "proxy": 0}
    if "text" not in about:
        return {**about, "text": text}
    return about if "slot" in about else renamed(about, {"seed": "slot"})
