import subprocess
import sys

import pytest
import torch

from ganetic.jobs.executor import GPU_SHARE
from ganetic.training.device import begin_on, peak_memory


@pytest.fixture
def pretended_cuda(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Notes what is asked of CUDA's allocator, in order."""
    asked: list[tuple[str, object]] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: asked.append(("give back", None)))
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda fraction: asked.append(("bound", fraction))
    )
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: asked.append(("reset", None)))
    return asked


@pytest.mark.parametrize(("share", "fraction"), [("0.125", 0.125), ("1", 1.0), (None, 1.0)])
def test_a_process_keeps_to_its_share(
    share: str | None,
    fraction: float,
    pretended_cuda: list[tuple[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(GPU_SHARE, raising=False)
    if share is not None:
        monkeypatch.setenv(GPU_SHARE, share)
    begin_on("cuda")
    assert pretended_cuda == [("give back", None), ("bound", fraction), ("reset", None)]


def test_on_a_cpu_nothing_is_asked_of_cuda(pretended_cuda: list[tuple[str, object]]) -> None:
    begin_on("cpu")
    assert pretended_cuda == []
    assert peak_memory("cpu") > 1 << 20


NO_CUDA = """
import torch

def asked(*_):
    raise AssertionError("CUDA was asked for devices before Ray has said which are this worker's")

torch.cuda.is_available = torch.cuda.device_count = torch.cuda.init = torch._C._cuda_getDeviceCount = asked
import ganetic.training.trial, ganetic.training.job
assert not torch.cuda.is_initialized()
"""


def test_what_workers_preload_asks_nothing_of_cuda() -> None:
    """Ray preloads modules into workers, and says afterwards which GPU is theirs; CUDA listens but once."""
    subprocess.run([sys.executable, "-c", NO_CUDA], check=True)


@pytest.mark.gpu
def test_more_than_the_share_is_refused_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPU_SHARE, "0.1")
    _, whole = torch.cuda.mem_get_info()
    try:
        begin_on("cuda")
        with pytest.raises(torch.cuda.OutOfMemoryError):
            torch.empty(whole // 8, dtype=torch.uint8, device="cuda")
        held = torch.empty(whole // 20, dtype=torch.uint8, device="cuda")
        assert peak_memory("cuda") >= whole // 20
        before, _ = torch.cuda.mem_get_info()
        del held
        begin_on("cuda")
        after, _ = torch.cuda.mem_get_info()
        assert after - before >= whole // 20
    finally:
        monkeypatch.delenv(GPU_SHARE)
        begin_on("cuda")
