import json
import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ganetic.errors import UserError
from ganetic.gan.step import StepLosses, gan_step
from ganetic.loss.formula import Formula
from ganetic.loss.library import LIBRARY
from ganetic.loss.ops import OPERATORS
from ganetic.training import trainer as trainer_module
from ganetic.training import trial as trial_module
from ganetic.training.device import device_for_trials
from ganetic.training.failure_modes import FailureMode
from ganetic.training.proxy_data import ProxyData
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import ProxySpec, PruningRule, TrialSpec
from ganetic.training.trial import run_trial, sample_images, trial_job
from tests.training.proxy.conftest import TINY

BCE = LIBRARY["bce"].formula.text
ZERO = "mul(0, p)"
CONSTANT = "d_real=3; d_fake=3; g_fake=3"
NEGATED_GENERATOR = "d_real=softplus(neg(d)); d_fake=softplus(d); g_fake=neg(softplus(neg(d)))"


def spec(formula: str = BCE, seed: int = 0, steps: int = 20, **more: object) -> TrialSpec:
    return TrialSpec.model_validate({"formula": formula, "seed": seed, "steps": steps, "proxy": TINY, **more})


def plain(result: TrialResult) -> TrialResult:
    return result.model_copy(update={"seconds": 0.0, "peak_memory_bytes": 0})


def test_a_result_says_what_happened(proxy_data: ProxyData) -> None:
    result = run_trial(spec(checkpoints=(5, 10)), proxy_data)
    assert [step for step, _ in result.trace] == [0, 5, 10, 20]
    assert all(0 < fd < math.inf for _, fd in result.trace)
    assert result.steps == 20
    assert result.seconds > 0
    assert result.peak_memory_bytes > 1 << 20


def test_a_trial_keeps_to_its_share_of_a_gpu(proxy_data: ProxyData, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(trial_module, "begin_on", asked.append)
    run_trial(spec(steps=1), proxy_data)
    assert asked == [device_for_trials()]


def test_step_0_is_the_untrained_generator(proxy_data: ProxyData) -> None:
    first, second = run_trial(spec(steps=2), proxy_data), run_trial(spec(ZERO, steps=3), replace(proxy_data))
    assert first.trace[0] == second.trace[0]
    assert first.trace[0][1] == pytest.approx(proxy_data.start_fd, rel=1e-3)


def test_a_start_that_was_measured_before_is_the_same_and_its_own_seed_s_and_proxy_s(proxy_data: ProxyData) -> None:
    other_proxy = TINY.model_copy(update={"width": TINY.width + 1})
    specs = [spec(steps=1), spec(seed=1, steps=1), spec(steps=1, proxy=other_proxy)]
    fresh = [run_trial(one, replace(proxy_data)).trace for one in specs]
    assert len({trace[0] for trace in fresh}) == 3
    known = replace(proxy_data)
    for _ in range(2):
        assert [run_trial(one, known).trace for one in specs] == fresh


@pytest.mark.parametrize("batch_norm", [True, False])
def test_same_spec_same_trace_whatever_the_process_did_before(proxy_data: ProxyData, batch_norm: bool) -> None:
    one = spec(checkpoints=(5, 10), steps=15, proxy=TINY.model_copy(update={"batch_norm": batch_norm}))
    first = run_trial(one, proxy_data)
    torch.manual_seed(99)
    np.random.seed(3)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("medium")
    try:
        run_trial(spec("sub(p, y)", seed=5), proxy_data)
        state = torch.get_rng_state()
        second = run_trial(one, proxy_data)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
    assert plain(first) == plain(second)
    assert plain(first) != plain(run_trial(one.model_copy(update={"seed": 1}), proxy_data))


def test_a_longer_trial_begins_like_a_shorter_one(proxy_data: ProxyData) -> None:
    short = run_trial(spec(steps=10), proxy_data)
    long = run_trial(spec(steps=20, checkpoints=(10,)), proxy_data)
    assert short.trace == long.trace[:2]


def test_what_travels_gives_the_same_result(proxy_data: ProxyData) -> None:
    sent = pickle.loads(pickle.dumps(proxy_data))
    sent.images.setflags(write=False)
    for array in sent.weights.values():
        array.setflags(write=False)
    record = trial_job(sent, json.loads(json.dumps(spec(steps=10).model_dump(mode="json"))))
    assert json.loads(json.dumps(record)) == record
    assert plain(TrialResult.model_validate(record)) == plain(run_trial(spec(steps=10), proxy_data))


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        (ZERO, FailureMode.VANISHING_GRADIENT),
        (CONSTANT, FailureMode.VANISHING_GRADIENT),
        ("mul(y, 1)", FailureMode.VANISHING_GRADIENT),
        (NEGATED_GENERATOR, FailureMode.LEARNT_NOTHING),
    ],
)
def test_learning_nothing_is_a_failure(formula: str, reason: FailureMode, proxy_data: ProxyData) -> None:
    result = run_trial(spec(formula, steps=60, checkpoints=(20, 40)), proxy_data)
    assert (result.state, result.reason) == (TrialState.FAILED, reason)


def test_no_gradient_is_named(proxy_data: ProxyData) -> None:
    for formula in (ZERO, CONSTANT):
        assert run_trial(spec(formula), proxy_data).reason == FailureMode.VANISHING_GRADIENT
    rule = PruningRule(step=10, above=0.9)
    pruned = run_trial(spec(ZERO, checkpoints=(10,), kill=(rule,)), proxy_data)
    assert (pruned.state, pruned.reason, pruned.steps) == (TrialState.PRUNED, FailureMode.VANISHING_GRADIENT, 10)
    assert [step for step, _ in pruned.trace] == [0, 10]


def test_kill_rules_stop_only_what_is_above(proxy_data: ProxyData) -> None:
    whole = run_trial(spec(checkpoints=(10,)), proxy_data)
    ratio = whole.trace[1][1] / whole.trace[0][1]
    spared = run_trial(spec(checkpoints=(10,), kill=(PruningRule(step=10, above=ratio * 1.001),)), proxy_data)
    killed = run_trial(spec(checkpoints=(10,), kill=(PruningRule(step=10, above=ratio * 0.999),)), proxy_data)
    assert plain(spared) == plain(whole)
    assert (killed.state, killed.reason) == (TrialState.PRUNED, FailureMode.LEARNT_NOTHING)
    assert killed.trace == whole.trace[:2]


@pytest.mark.parametrize(
    "formula",
    [
        "mul(1e25, d)",  # finite, but its square in Adam's second moment is not
        "square(square(square(cube(cube(mul(1000, d))))))",
    ],
)
def test_what_is_not_finite_is_a_failed_trial(formula: str, proxy_data: ProxyData) -> None:
    text = f"d_real=neg({formula}); d_fake={formula}; g_fake=neg({formula})"
    proxy = TINY.model_copy(update={"learning_rate": 1.0})
    result = run_trial(spec(Formula.from_text(text).text, steps=30, checkpoints=(10, 20), proxy=proxy), proxy_data)
    assert (result.state, result.reason) == (TrialState.FAILED, FailureMode.NON_FINITE)
    assert all(math.isfinite(fd) for _, fd in result.trace)


def test_relativistic_losses_get_the_real_logits(proxy_data: ProxyData) -> None:
    critic = "d_real=softplus(sub(m, d)); d_fake=softplus(sub(d, m))"
    relativistic = run_trial(spec(f"{critic}; g_fake=softplus(sub(m, d))"), proxy_data)
    blind = run_trial(spec(f"{critic}; g_fake=softplus(neg(d))"), proxy_data)
    assert relativistic.trace[0] == blind.trace[0]
    assert relativistic.trace[-1] != blind.trace[-1]
    assert math.isfinite(relativistic.trace[-1][1]) and relativistic.reason is not FailureMode.NON_FINITE


def test_augmentation_is_the_same_for_every_loss_and_another_for_every_seed(
    proxy_data: ProxyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[torch.Tensor]] = []

    def watched(*arguments: Any) -> StepLosses:
        assert len(arguments[-1]) == 2
        seen[-1].extend(one.matrices for one in arguments[-1])
        return gan_step(*arguments)

    monkeypatch.setattr(trainer_module, "gan_step", watched)
    proxy = TINY.model_copy(update={"augmentation": "xray"})
    results = []
    for formula, seed in ((BCE, 0), (LIBRARY["relativistic-hinge"].formula.text, 0), (BCE, 1), (BCE, 0)):
        seen.append([])
        results.append(plain(run_trial(spec(formula, seed, 5, proxy=proxy), proxy_data)))
    drawn = [torch.stack(matrices) for matrices in seen]
    assert len({tuple(matrices.flatten().tolist()) for matrices in drawn[0]}) == 10
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert results[0] == results[3]


def test_augmentation_changes_the_training_and_not_its_start(proxy_data: ProxyData) -> None:
    plainly = run_trial(spec(), proxy_data)
    for profile in ("xray", "natural"):
        augmented = run_trial(spec(proxy=TINY.model_copy(update={"augmentation": profile})), proxy_data)
        assert augmented.trace[0] == plainly.trace[0]
        assert augmented.trace[1] != plainly.trace[1]


def test_a_spec_without_augmentation_is_written_as_before_there_was_any() -> None:
    assert "augmentation" not in spec().model_dump(mode="json")["proxy"]
    chosen = ProxySpec(augmentation="fundus")
    assert ProxySpec.model_validate(chosen.model_dump(mode="json")) == chosen


def test_samples_are_those_of_the_trial(proxy_data: ProxyData) -> None:
    first = sample_images(spec(), proxy_data.images, 6)
    assert first.shape == (6, 28, 28, 1)
    assert first.dtype == np.uint8
    assert np.array_equal(first, sample_images(spec(), proxy_data.images, 6))
    assert not np.array_equal(first, sample_images(spec(seed=1), proxy_data.images, 6))


def test_an_averaged_generator_is_measured_and_changes_nothing_of_the_training(proxy_data: ProxyData) -> None:
    averaged = TINY.model_copy(update={"ema_decay": 0.9})
    own = run_trial(spec(checkpoints=(5, 10)), proxy_data)
    found = run_trial(spec(checkpoints=(5, 10), proxy=averaged), proxy_data)
    assert own.raw_trace == ()
    assert found.raw_trace == own.trace
    assert found.trace[0] == own.trace[0]
    assert [step for step, _ in found.trace] == [0, 5, 10, 20]
    assert all(mean != raw for mean, raw in zip(found.trace[1:], found.raw_trace[1:], strict=True))
    drawn = sample_images(spec(proxy=averaged), proxy_data.images, 4)
    assert not np.array_equal(drawn, sample_images(spec(), proxy_data.images, 4))


def test_a_spec_without_an_average_is_written_as_before() -> None:
    assert "ema_decay" not in ProxySpec().model_dump()
    assert ProxySpec(ema_decay=0.98).model_dump()["ema_decay"] == 0.98
    assert ProxySpec.model_validate(ProxySpec(ema_decay=0.98).model_dump()).ema_decay == 0.98


def test_a_penalty_changes_the_training_and_not_its_start(proxy_data: ProxyData) -> None:
    plain, penalised, more = (run_trial(spec(proxy=ProxySpec(r1=weight)), proxy_data) for weight in (0.0, 1.0, 10.0))
    assert plain.trace[0] == penalised.trace[0] == more.trace[0]
    assert len({plain.trace[-1], penalised.trace[-1], more.trace[-1]}) == 3
    assert run_trial(spec(proxy=ProxySpec(r1=1.0)), proxy_data).trace == penalised.trace


def test_a_penalty_is_relative_to_the_scale_of_the_loss(proxy_data: ProxyData) -> None:
    """Adam does not see ten times a loss, so that a penalty must not either."""
    hinge = "d_real = relu(sub(1, d)); d_fake = relu(add(1, d)); g_fake = neg(d)"
    ten = "d_real = mul(8, relu(sub(1, d))); d_fake = mul(8, relu(add(1, d))); g_fake = mul(8, neg(d))"
    one, same = (run_trial(spec(text, proxy=ProxySpec(r1=3.0)), proxy_data) for text in (hinge, ten))
    assert [fd for _, fd in one.trace] == pytest.approx([fd for _, fd in same.trace], rel=0.02)


def test_a_penalty_needs_a_loss_with_a_scale(proxy_data: ProxyData) -> None:
    with pytest.raises(UserError, match="gradient scale of 0"):
        run_trial(spec(ZERO, proxy=ProxySpec(r1=1.0)), proxy_data)


def test_a_spec_without_a_penalty_is_written_as_before() -> None:
    assert "r1" not in ProxySpec().model_dump()
    assert ProxySpec(r1=2.0).model_dump()["r1"] == 2.0


def test_a_resized_generator_is_another_one_and_written_only_where_it_is(proxy_data: ProxyData) -> None:
    resized = TINY.model_copy(update={"upsampling": "resize"})
    own, found = run_trial(spec(), proxy_data), run_trial(spec(proxy=resized), proxy_data)
    assert found.state == own.state
    assert found.trace != own.trace
    assert run_trial(spec(proxy=resized), proxy_data).trace == found.trace
    assert "upsampling" not in ProxySpec().model_dump()
    assert ProxySpec.model_validate(resized.model_dump()) == resized


def random_expression(random: np.random.Generator, variables: tuple[str, ...], depth: int) -> str:
    if depth == 0 or random.random() < 0.15:
        return f"{random.normal(0, 3):.4g}" if random.random() < 0.25 else str(random.choice(variables))
    operator = OPERATORS[str(random.choice(sorted(OPERATORS)))]
    arguments = (random_expression(random, variables, depth - 1) for _ in range(operator.arity))
    return f"{operator.name}({', '.join(arguments)})"


def random_formula(random: np.random.Generator) -> str:
    depth = int(random.integers(1, 7))
    if random.random() < 0.5:
        return random_expression(random, ("y", "p"), depth)
    slots = ("d_real", "d_fake", "g_fake", "g_real")[: 3 + int(random.integers(2))]
    return "; ".join(f"{slot}={random_expression(random, ('d', 'm'), depth)}" for slot in slots)


@pytest.mark.slow
@pytest.mark.parametrize("quarter", range(4))  # together a thousand
def test_random_expressions_each_have_a_state(quarter: int, proxy_data: ProxyData) -> None:
    random = np.random.default_rng(quarter)
    proxy = ProxySpec(width=2, batch=4, latent=2, images=64, learning_rate=0.05)
    small = replace(proxy_data, images=proxy_data.images[:32])
    states: dict[tuple[str, str | None], int] = {}
    for seed in range(250):
        text = Formula.from_text(random_formula(random)).text
        result = run_trial(TrialSpec(formula=text, seed=seed, steps=2, proxy=proxy), small)
        assert all(math.isfinite(fd) for _, fd in result.trace)
        assert (result.reason is None) == (result.state == TrialState.COMPLETED)
        states[result.state, result.reason] = states.get((result.state, result.reason), 0) + 1
    assert sum(states.values()) == 250
    assert {state for state, _ in states} <= {TrialState.COMPLETED, TrialState.FAILED}
    assert states[TrialState.FAILED, FailureMode.VANISHING_GRADIENT] > 25


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"checkpoints": (10, 5)}, "do not increase within 1 … 20"),
        ({"checkpoints": (5, 5)}, "do not increase within 1 … 20"),
        ({"checkpoints": (5, 50)}, "do not increase within 1 … 20"),
        ({"kill": ({"step": 7, "above": 1.0},)}, "kill rule at step 7, where nothing is measured"),
        ({"steps": 0}, r"steps\n.*greater than or equal to 1"),
        ({"seed": -1}, r"seed\n.*greater than or equal to 0"),
        ({"proxy": {"width": 0}}, r"proxy\.width\n.*greater than or equal to 1"),
        ({"proxy": {"widht": 8}}, r"proxy\.widht\n.*not permitted"),
        ({"proxy": {"augmentation": "x-ray"}}, 'did you mean "xray"'),
        ({"batch": 3}, r"batch\n.*not permitted"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(bad: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TrialSpec.model_validate({"formula": BCE, "seed": 0, "steps": 20, **bad})


def test_our_own_errors_are_not_hidden(proxy_data: ProxyData, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(trainer_module, "gan_step", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_trial(spec(), proxy_data)
