"""What `make gpu-check` computes, with small sizes on the CPU; it takes a GPU to run it whole."""

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from analysis import gpu_check
from analysis.gpu_check import BEGIN, END, PAGE, ROOT, Plan, Row
from ganetic.errors import UserError
from ganetic.evolution.space import SearchSpace
from ganetic.jobs.executor import SerialExecutor
from ganetic.jobs.journal import Record, Submission
from ganetic.training.data import training_data_of
from ganetic.training.proxy_data import ProxyData
from ganetic.training.result import TrialResult, TrialState
from ganetic.training.spec import TrialSpec
from ganetic.training.trainer import Trainer
from ganetic.training.trial import run_trial
from tests.small_run import SPACE, pretend
from tests.training.full.conftest import tiny

LAZY = {"r1": 0.1, "r1_every": 2, "path_length": 1.0, "path_length_every": 2}
"""What asks for gradients of gradients, as the training does that is timed."""
TINY = tiny("stylegan2", steps=4, data={"name": "digits", "size": 32}, regulariser=LAZY)


@pytest.fixture
def plan() -> Plan:
    return Plan(
        device="cpu",
        compared=TINY,
        compared_steps=3,
        timed=TINY,
        timed_cycles=1,
        space=SPACE,
        search_seconds=60.0,
        trials_a_gpu=(2,),
        matrix=64,
        make_executor=lambda context: SerialExecutor(pretend, context),
    )


def measured(rows: list[Row], what: str) -> str:
    return next(row.measured for row in rows if what in row.what)


def test_without_a_gpu_it_ends_with_one_sentence() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    command = [sys.executable, "-m", "analysis.gpu_check"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    (sentence,) = ended.stderr.splitlines()
    assert "no CUDA device is found here" in sentence
    assert "run `make gpu-check` on a machine with one" in sentence


@pytest.mark.parametrize(
    ("test", "right", "said"),
    [
        ("def test_it(): pass", True, "1 passed, 0 failed, 0 skipped"),
        ("def test_it(): pass\ndef test_other(): assert 0", False, "1 passed, 1 failed, 0 skipped"),
        ("import pytest\n@pytest.mark.skip\ndef test_it(): pass", False, "0 passed, 0 failed, 1 skipped"),
        ("", False, "0 passed, 0 failed, 0 skipped"),
        ("import nothing_of_this_name", False, "0 passed, 1 failed, 0 skipped"),
    ],
)
def test_tests_are_counted_and_skipped_ones_are_not_enough(test: str, right: bool, said: str, tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(test, encoding="utf-8")
    (row,) = gpu_check.test_rows(Plan(device="cpu", tests=(str(tmp_path), "-c", "/dev/null", f"--rootdir={tmp_path}")))
    assert (row.measured, row.is_right) == (said, right)


def test_the_tests_that_need_a_gpu_are_marked() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "gpu", *GPU_TESTS]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert all(name in found for name in GPU_TESTS)


GPU_TESTS = ("tests/gan/test_diffaugment.py", "tests/loss/test_compile.py", "tests/training/test_device.py")


def test_one_precision_is_no_other(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = gpu_check.precision_rows(plan)
    assert measured(rows, "bfloat16 / float32") == "1.000"  # on a CPU both are float32
    assert measured(rows, "another seed") != "1.000"
    assert rows[0].is_right is True

    def on_a_cpu(trainer: Trainer) -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16, enabled=trainer._spec.bfloat16)

    monkeypatch.setattr(Trainer, "_precision", on_a_cpu)
    data = training_data_of(plan.compared)
    half, single = (gpu_check.trained(plan, data, data.reference_statistics("cpu"), 0, bf16) for bf16 in (True, False))
    assert half.fd != single.fd
    assert half.fd == pytest.approx(single.fd, rel=0.1)


def test_trials_are_compared_to_the_last_bit() -> None:
    trace = ((0, 900.0), (10, 400.0))
    one = TrialResult(state=TrialState.COMPLETED, reason=None, trace=trace, steps=10, seconds=1.0, peak_memory_bytes=1)
    slower = one.model_copy(update={"seconds": 2.0, "peak_memory_bytes": 2})
    assert gpu_check.difference(one, slower) == 0.0
    other = one.model_copy(update={"trace": ((0, 900.0), (10, 404.0))})
    assert gpu_check.difference(one, other) == pytest.approx(0.01)
    failed = one.model_copy(update={"state": TrialState.FAILED})
    assert gpu_check.difference(one, failed) == float("inf")


def test_a_trial_repeats(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[ProxyData] = []

    def counted(spec: TrialSpec, proxy_data: ProxyData) -> TrialResult:
        kept.append(proxy_data)
        return run_trial(spec, proxy_data)

    monkeypatch.setattr(gpu_check, "run_trial", counted)
    rows = gpu_check.repeat_rows(plan)
    assert (rows[0].measured, rows[0].is_right) == ("equal to the last bit", True)
    assert len(kept) == 2


def test_a_search_is_counted(plan: Plan) -> None:
    small: SearchSpace = plan.space
    rows = gpu_check.search_rows(Plan(**{**vars(plan), "space": small, "search_seconds": 2.0}))
    assert [row.is_right for row in rows] == [True, None, None, None]
    assert rows[0].what == "search, 2 trials a GPU: trials an hour"
    assert int(rows[0].measured) > 0


def test_what_a_search_got_done_is_figured_from_its_journal() -> None:
    submissions = [Submission(number, "child", number, "p", {}, 1000.0 + number) for number in range(3)]
    ends = (1020.0, 1030.0, 1090.0)
    records = [
        Record(number, "done", "completed", None, {"peak_memory_bytes": 2**30 * number}, None, 30.0, 1, "here", end)
        for number, end in enumerate(ends)
    ]
    rows = gpu_check.searched(records, submissions, 2)
    assert [row.measured for row in rows] == ["120", "30.0", "50%", "2.00 GiB"]
    assert rows[0].is_right is True
    lost = [records[0]._replace(status="crashed", record=None), *records[1:]]
    assert gpu_check.searched(lost, submissions, 2)[0].is_right is False


def test_training_is_timed_and_held_against_a_matrix_product(plan: Plan) -> None:
    rows = gpu_check.training_rows(plan)
    assert rows[0].what.startswith("stylegan2 at ")
    work = float(measured(rows, "counted work of a step").split()[0])
    assert work >= 0
    assert gpu_check.cycle_of(plan.timed) == 2
    assert "64 rows, torch.float32" in rows[-2].what


def test_a_matrix_product_s_work_is_counted_as_it_is() -> None:
    class Product:
        def advance(self) -> None:
            torch.mm(torch.ones(8, 16), torch.ones(16, 4))

    assert gpu_check.flops_of(Product(), steps=3) == 3 * 2 * 8 * 16 * 4  # type: ignore[arg-type]


def test_all_lazy_regularisers_come_by_equally_often() -> None:
    assert gpu_check.cycle_of(Plan().timed) == 16
    assert gpu_check.cycle_of(Plan().compared) == 16


def test_a_part_that_fails_is_a_row_and_the_others_go_on(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    def bad_rows(plan: Plan) -> list[Row]:
        raise ValueError("the card\nis hot")

    def good_rows(plan: Plan) -> list[Row]:
        return [Row("good", "1", True)]

    rows = gpu_check.measured(plan, (bad_rows, good_rows))
    assert rows == [Row("bad", "failed: the card is hot", False), Row("good", "1", True)]
    text = gpu_check.table(rows, plan)
    assert "| bad | failed: the card is hot | **no** |" in text
    assert "| good | 1 | yes |" in text
    assert "a rehearsal on a CPU, which says nothing about one" in text


def test_the_table_replaces_the_one_of_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    once = gpu_check.with_table(page, "| first |")
    twice = gpu_check.with_table(once, "| second |")
    assert "| second |" in twice
    assert "| first |" not in twice
    assert twice.replace("| second |", "| first |") == once
    assert twice.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert twice.partition(END)[2] == page.partition(END)[2]
    with pytest.raises(UserError, match="put them there"):
        gpu_check.with_table("nothing", "| first |")
