import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from analysis.drill import COUNT, left_of, page, schedule
from analysis.drill_checks import Written, complaints, ended_otherwise, unlike
from analysis.drill_faults import FAULTS, LATE
from analysis.drill_hosts import Host, Network, why_not
from tests.small_run import small_run_directory

QUIET = Written.read(small_run_directory())
needs_hosts = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
MOST_SECONDS = 800  # 4 minutes on two idle cores
SERVE = (
    "import socket; s = socket.create_server(('', 5000)); print(end='.', flush=True); s.accept()[0].sendall(b'here')"
)


def first(count: int) -> Written:
    """The quiet journal as it might have been earlier."""
    submissions = {number: one for number, one in QUIET.submissions.items() if number < count + 4}
    records = {number: one for number, one in QUIET.records.items() if number < count}
    return Written(submissions, records, [], len(records))


def without(written: Written, number: int) -> Written:
    records = {key: record for key, record in written.records.items() if key != number}
    return written._replace(records=records, rows=len(records))


def test_every_kind_is_done_twice_and_the_order_is_of_the_seed() -> None:
    faults = schedule(COUNT, list(FAULTS), 0)
    assert len(faults) == COUNT
    assert min(Counter(faults)[kind] for kind in FAULTS) == 2
    assert set(faults[: len(FAULTS)]) == set(FAULTS)
    assert schedule(COUNT, list(FAULTS), 0) == faults != schedule(COUNT, list(FAULTS), 1)


def test_what_is_left_begins_with_a_late_host() -> None:
    assert left_of(["driver", "head", LATE, "head"], [{"kind": "head"}]) == [LATE, "driver", "head"]
    assert left_of(["head"], [{"kind": "head"}]) == []


def test_a_part_of_the_quiet_journal_is_right() -> None:
    assert complaints(first(20), QUIET, QUIET) == []
    assert complaints(first(5), first(20), QUIET) == []
    assert ended_otherwise(QUIET, QUIET) == []
    assert unlike(small_run_directory(), small_run_directory()) == []


def test_what_is_lost_counted_twice_or_another_is_complained_of() -> None:
    changed = QUIET.records[3]._replace(state="crashed")
    assert "trial 7 had ended" in complaints(QUIET, without(QUIET, 7), QUIET)[0]
    assert "records of" in complaints(QUIET, QUIET._replace(rows=QUIET.rows + 1), QUIET)[0]
    other = QUIET._replace(records=QUIET.records | {3: changed})
    assert complaints(other, other, QUIET) == ["trial 3 is another than in the quiet run"]
    bred = QUIET.submissions[9]._replace(text="p")
    other = QUIET._replace(submissions=QUIET.submissions | {9: bred})
    assert complaints(QUIET, other, QUIET) == ["trial 9 is another than in the quiet run"]
    assert ended_otherwise(without(QUIET, 7), QUIET)
    assert ended_otherwise(QUIET._replace(events=[]), QUIET)


def test_seconds_and_attempts_may_differ() -> None:
    late = QUIET.records[3]._replace(seconds=99.0, attempts=4, node="elsewhere", finished_at=0.0)
    other = QUIET._replace(records=QUIET.records | {3: late})
    assert complaints(other, other, QUIET) == []


def test_the_page_counts_what_went_wrong() -> None:
    seen = {"what": "done", "ended": [3, 9], "fault_seconds": 1.0, "recovery_seconds": 2.0, "again": 1, "search": "one"}
    rows = [seen | {"kind": "head", "complaints": [], "end": []}]
    said = page(rows, 2, QUIET, "space.toml")
    assert "**1 of 1 faults** no ended trial" in said
    assert "**1 of 1** had the quiet" in said
    assert "2 are planned" in said
    rows += [seen | {"kind": "host", "complaints": ["trial 3 is gone"], "end": []}]
    said = page(rows, 2, QUIET, "space.toml")
    assert "**1 of 2 faults** no ended trial" in said
    assert "planned" not in said
    assert "| 2 | host | done | 1.0 | 2.0 | 3 | 9 | 1 | trial 3 is gone |" in said


def ask(one: Host, other: Host) -> str | None:
    code = f"import socket; print(socket.create_connection(('{other.address}', 5000), 2).recv(9).decode())"
    try:
        return one.run(sys.executable, "-S", "-c", code)
    except RuntimeError:
        return None


@needs_hosts
def test_hosts_reach_one_another_until_a_link_is_cut_and_end_with_the_network() -> None:
    with Network() as network:
        one, other = (network.host(number, f"host{number}", 1 << 20, [Path("/opt")]) for number in (1, 2))
        served = subprocess.Popen(other.command(sys.executable, "-c", SERVE), stdout=subprocess.PIPE)
        assert served.stdout is not None
        assert served.stdout.read(1) == b"."
        other.cut()
        assert ask(one, other) is None
        other.join()
        deadline = time.monotonic() + 30  # who asked for a card in vain waits before it asks again
        while (said := ask(one, other)) is None:
            assert time.monotonic() < deadline
        assert said == "here\n"
        assert other.run("hostname") == "host2\n"
        sleeper = subprocess.Popen(other.command("sleep", "600"))
        while not any("sleep" in line for line in other.processes().values()):
            time.sleep(0.01)
        pids = [one.pid, other.pid, *other.processes()]
    assert sleeper.wait(timeout=10) != 0
    served.wait(timeout=10)
    served.stdout.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@needs_hosts
def test_a_bad_link_takes_its_time() -> None:
    with Network() as network:
        one, other = (network.host(number, f"host{number}", 1 << 20) for number in (1, 2))
        other.worsen(0.2, 0.0, seed=0)
        served = subprocess.Popen(other.command(sys.executable, "-c", SERVE), stdout=subprocess.PIPE)
        assert served.stdout is not None
        assert served.stdout.read(1) == b"."
        code = (
            "import socket, time; began = time.monotonic();"
            f"socket.create_connection(('{other.address}', 5000), 9).recv(9); print(time.monotonic() - began)"
        )
        assert float(one.run(sys.executable, "-c", code)) > 0.4
        served.wait(timeout=10)
        served.stdout.close()


@needs_hosts
@pytest.mark.slow
@pytest.mark.ray
def test_a_search_survives_the_death_of_a_process_of_the_driver_and_of_the_head() -> None:
    text = (Path(__file__).parents[2] / "analysis" / "drill.toml").read_text()
    assert "max_trials = 100" in text
    with TemporaryDirectory(dir="/var/tmp") as folder:  # each host has a /tmp of its own
        space, work = Path(folder, "short.toml"), Path(folder, "work")
        space.write_text(text.replace("max_trials = 100", "max_trials = 60"))
        options = ["--space", str(space), "--count", "3", "--kinds", "worker process", "driver", "head"]
        command = [sys.executable, "-m", "analysis.drill", str(work), *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired as late:
            logs = [f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(work.glob("*.log"))]
            pytest.fail(f"not at its end after {MOST_SECONDS} s; it said {late.stdout!r}; {' '.join(logs)}")
    assert done.returncode == 0, done.stderr[-3000:]
    last = done.stdout[done.stdout.rindex("# Faults done") :]
    assert "After **3 of 3 faults**" in last
    assert "not at its end yet" not in last
    assert "the quiet run, to the last number" in last
