import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ganetic.errors import UserError
from ganetic.evolution.sampler import child_stream
from ganetic.evolution.space import EMA_DECAY, SearchSpace, load_space, read_space
from ganetic.evolution.variation import Breeder
from ganetic.shipped import shipped_spaces
from tests.evolution.fakes import SPACE

SHIPPED = sorted(shipped_spaces())
SPACES = Path(__file__).parents[2] / "search_spaces"


def changed(**changes: Any) -> SearchSpace:
    return SearchSpace.model_validate({**SPACE.model_dump(), **changes})


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_spaces_load_and_breed(name: str) -> None:
    space = load_space(name)
    assert space.name == name
    assert space.description
    child = Breeder(space).draw(child_stream(0, 0), (), set(), set())
    assert tuple(child.formula.trees) == space.tree_names


def test_quick_is_shipped() -> None:
    assert "quick" in SHIPPED


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tournament =", "turnament =", 'unknown key "evolution.turnament"; expected one of .*; did you mean "tournam'),
        ('"sqrt"', '"sqr"', r'operators\[7\] is "sqr"; expected one of .*; did you mean "'),
        ('"bce"', '"bcee"', r'finals.references\[0\] is "bcee"; expected one of bce, .*; did you mean "bce"\?'),
        ('variables = ["y", "p"]', 'variables = ["y", "s"]', r'variables\[1\] is "s"; expected one of y, p'),
        ('form = "label"', 'form = "labels"', "form is 'labels'"),
        ("population = 8", "population = 1", "evolution.population is '1'"),
        ("population = 8", "", None),
        (
            "steps = 300                     # updates of each player in a final training",
            "",
            'key "finals.steps" is missing',
        ),
        ('name = "quick"', "name =", "not valid TOML"),
        (
            'kill = "calibrated"',
            'kill = "calibratd"',
            'expected "calibrated" or a list of .*; did you mean "calib',
        ),
        (
            'kill = "calibrated"',
            "kill = [{ step = 100, abov = 0.7 }]",
            r'unknown key "kill\[0\].abov"; expected one of above, step; did you mean "above"',
        ),
    ],
)
def test_mistakes_are_named_in_one_line(old: str, new: str, message: str | None, tmp_path: Path) -> None:
    text = shipped_spaces()["quick"].read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "my.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    if message is None:
        assert load_space(path).evolution.population == 40  # left out, a key has its default
        return
    with pytest.raises(UserError, match=message) as caught:
        load_space(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_may_give_old_names(name: str, tmp_path: Path) -> None:
    text = shipped_spaces()[name].read_text(encoding="utf-8")
    assert "reduction_factor =" in text
    (tmp_path / "old.toml").write_text(text.replace("reduction_factor =", "reduction ="), encoding="utf-8")
    assert load_space(tmp_path / "old.toml") == load_space(name)
    (tmp_path / "both.toml").write_text(text.replace("reduction_factor =", "reduction = 2\nreduction_factor ="))
    with pytest.raises(UserError, match=r'"evolution\.reduction" is the old name of "reduction_factor", and both are'):
        load_space(tmp_path / "both.toml")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("quik", 'unknown search space "quik"; expected one of .*; did you mean "quick"'),
        ("nowhere.toml", "nowhere.toml: cannot be read"),
        (".", "a directory; expected a search space"),
    ],
)
def test_unknown_spaces_are_refused(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_space(source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rungs": []}, "at least 1 item"),
        ({"rungs": [{"steps": 40, "seeds": 2}, {"steps": 80, "seeds": 1}]}, r"rungs\[1\] must add steps or seeds"),
        ({"rungs": [{"steps": 40, "seeds": 1}, {"steps": 30, "seeds": 3}]}, r"rungs\[1\] must add steps or seeds"),
        ({"rungs": [{"steps": 40, "seeds": 1}] * 2}, r"rungs\[1\] must add steps or seeds"),
        ({"rungs": [{"steps": 40, "seeds": 101}]}, "less than or equal to 100"),
        ({"finals": {"steps": 40, "seeds": 101}}, "less than or equal to 100"),
        ({"kill": [{"step": 40, "above": 0.5}]}, r"kill\[0\].step is 40; it must lie before rungs\[0\].steps"),
        ({"kill": [{"step": 20, "above": 0.5}, {"step": 20, "above": 0.4}]}, r"kill\[1\].step is 20; .* rise"),
        ({"library_seeds": ["bce"]}, "does not have the form and slots"),
        ({"library_seeds": ["ganetic"], "operators": ["add", "cube"]}, '"ganetic" needs div, mul, sqrt, which'),
        ({"library_seeds": ["ganetic-batch-sum"]}, '"ganetic-batch-sum" needs s, which'),
        ({"library_seeds": ["ganetic"], "trees": {"max_nodes": 5, "max_depth": 6}}, "is larger than trees.max_nodes"),
        ({"library_seeds": ["ganetic", "ganetic"]}, "library_seeds names something twice"),
        ({"operators": ["add", "add"]}, "operators names something twice"),
        ({"operators": []}, "at least 1 item"),
        ({"form": "logit", "slots": ["d_real", "g_fake", "d_fake"]}, "in this order"),
        ({"form": "logit", "slots": ["d_real", "d_fake"]}, "in this order"),
        ({"form": "logit", "variables": ["p"]}, r'variables\[0\] is "p"; expected one of d, m'),
        ({"trees": {"initial_depth": [4, 2]}}, "initial_depth"),
        ({"trees": {"initial_depth": [2, 9]}}, "initial_depth"),
        ({"trees": {"constants": [1.0, 1.0]}}, "rising pair"),
        ({"trees": {"constants": [float("-inf"), float("inf")]}}, "finite"),
        ({"trees": {"constants": [float("nan"), 1.0]}}, "finite"),
        ({"evolution": {"reduction_factor": float("inf")}}, "finite"),
        ({"evolution": {"variation": {"node": float("inf")}}}, "finite"),
        ({"evolution": {"reduction_factor": 1}}, "greater than 1"),
        ({"evolution": {"variation": dict.fromkeys(SPACE.evolution.variation.model_dump(), 0)}}, "must be positive"),
        ({"name": "../x"}, "pattern"),
    ],
)
def test_inconsistent_spaces_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(**changes)


def test_a_trial_is_measured_at_intervals_at_kill_rules_and_at_rungs() -> None:
    space = changed(
        checkpoint_every=30,
        kill=[{"step": 25, "above": 0.5}],
        rungs=[{"steps": 40, "seeds": 1}, {"steps": 100, "seeds": 1}],
    )
    assert space.checkpoints(100) == (25, 30, 40, 60, 90, 100)
    assert space.checkpoints(40) == (25, 30, 40)
    assert space.checkpoints(20) == (20,)
    for steps in (40, 100, 130):  # a shorter trial's trace is the beginning of a longer one's
        assert set(space.checkpoints(40)) <= set(space.checkpoints(steps))


def test_defaults_of_a_form() -> None:
    assert SPACE.tree_names == ("loss",)
    assert SPACE.tree_variables == ("y", "p")
    logit = changed(form="logit")
    assert logit.tree_names == ("d_real", "d_fake", "g_fake")
    assert logit.tree_variables == ("d",)


def test_a_file_that_says_nothing_asks_for_the_present_fitness_and_a_record_for_the_first(tmp_path: Path) -> None:
    text = (SPACES / "quick.toml").read_text(encoding="utf-8")
    silent = re.sub(r"^(ema_decay|features) = .*\n", "", text, flags=re.M)
    path = tmp_path / "mine.toml"
    path.write_text(silent, encoding="utf-8")
    space = load_space(path)
    assert (space.proxies[0].features, space.proxies[0].ema_decay) == ("auto", EMA_DECAY)
    assert space.proxies == load_space("quick").proxies
    record = {**space.model_dump(mode="json"), "proxies": [{"name": "main", "width": 32, "batch": 16}]}
    first = SearchSpace.model_validate(record).proxies[0]
    assert (first.features, first.ema_decay, first.counts_modes) == ("cnn", 0.0, False)
    path.write_text(re.sub(r"\[\[proxies\]\].*?(?=\[stop\])", "", text, flags=re.S), encoding="utf-8")
    assert load_space(path).proxies[0].features == "auto"


@pytest.mark.parametrize("keys", ['ema_decay = 0\nfeatures = "cnn"\n', "ema_decay = 0.0\n"])
def test_a_file_can_ask_for_the_first_fitness(keys: str, tmp_path: Path) -> None:
    text = (SPACES / "quick.toml").read_text(encoding="utf-8")
    path = tmp_path / "first.toml"
    path.write_text(re.sub(r"^ema_decay = .*\nfeatures = .*\n", keys, text, flags=re.M), encoding="utf-8")
    proxy = load_space(path).proxies[0]
    assert proxy.ema_decay == 0
    assert proxy.features == ("cnn" if "cnn" in keys else "auto")


def test_the_copy_of_a_space_reads_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    for name in SHIPPED:
        space = load_space(name)
        path.write_text(space.model_dump_json(), encoding="utf-8")
        assert read_space(path) == space
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="restore it, or start a new run"):
        read_space(path)


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_key_of_a_shipped_space_is_explained(path: Path) -> None:
    section, known, explained = "", set(), set()
    lines = path.read_text().splitlines()
    for before, line in pairwise(["", *lines]):
        if header := re.match(r"\[+([a-z._]+)\]", line):
            section = header[1]
        if key := re.match(r"([a-z0-9_]+) = ", line):
            known.add((section, key[1]))
            if "#" in line or before.startswith("#"):
                explained.add((section, key[1]))
    assert known == explained
