"""Do faults to a search on a Ray cluster of several hosts, and see whether it finds what the quiet one found.

    python -m analysis.drill runs/drill --other-python ~/py312/bin/python -o analysis/drill.md

Four hosts, made of Linux namespaces, have addresses, processes and disks of their own (`analysis.drill_hosts`). A
search runs on them once without a fault. Then it runs again, as often as it takes, while one fault after another is
done to it, at random times from a seed. After each, its journal must hold what it held before and nothing that the
quiet run's does not; at its end, its front and its finals must be the quiet run's, and no process and no file may be
left. What was seen is kept in DIR: called again, it goes on with the faults that are left. It needs root, and ends
whatever it started.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analysis.drill_checks import Written, complaints, ended_otherwise, repeated, unlike
from analysis.drill_cluster import Cluster, is_driver, wait_until
from analysis.drill_faults import FAULTS, LATE, MEND_SECONDS, OTHER_PYTHON, Drill
from analysis.drill_hosts import Network, why_not
from ganetic.errors import UserError, run_script
from ganetic.evolution.results import open_run
from ganetic.files import write_whole

SPACE = Path(__file__).with_name("drill.toml")
WORKERS, COUNT = 3, 30
_OF_THE_HOST = {"ray", "other", "torchinductor_root"}
"""What Ray, the fault “other package” and PyTorch keep in the temporary folder of a host, whatever runs there."""
SEARCH_SECONDS = 3600.0
Row = dict[str, Any]


def schedule(count: int, kinds: list[str], seed: int) -> list[str]:
    """Which faults are done: each kind once in an order by chance, then each once again, and so on."""
    draw = random.Random(seed)
    return [kind for _ in range(-(-count // len(kinds))) for kind in draw.sample(kinds, len(kinds))][:count]


def left_of(faults: list[str], rows: list[Row]) -> list[str]:
    """Which faults are still to be done; a host can be late only where a search begins, so such a one comes first."""
    left = list(faults)
    for row in rows:
        left.remove(row["kind"])
    return sorted(left, key=lambda kind: kind != LATE)


def drill(
    cluster: Cluster,
    work: Path,
    space: Path,
    faults: list[str],
    seed: int,
    other_python: Path | None,
    watch: Callable[[], None],
) -> None:
    """Run the quiet search where there is none yet, then searches with faults until all were done; tell after each."""
    quiet, is_done = work / "quiet", work / "quiet.json"
    if not is_done.exists():
        _run_quietly(cluster, quiet, space)
        write_whole(is_done, "{}")
    wanted = Written.read(quiet)
    while (left := left_of(faults, read_rows(work))) or _under_way(work):
        run = _under_way(work) or _free(work)
        search = Drill(cluster, run, random.Random(f"{seed} {run.name} {len(left)}"), other_python)
        for row in _search_with_faults(search, space, left, wanted):
            write_whole(work / "rows.json", json.dumps([*read_rows(work), row], indent=1))
            watch()
        said = _at_the_end(search, quiet, wanted)
        rows = [row | {"end": said} if row["search"] == run.name else row for row in read_rows(work)]
        write_whole(work / "rows.json", json.dumps(rows, indent=1))
        watch()
        while len(cluster.workers) < WORKERS:
            cluster.add_worker()


def _under_way(work: Path) -> Path | None:
    """The run that a former process was interrupted in."""
    names = {row["search"] for row in read_rows(work) if row["end"] is None}
    return work / names.pop() if names else None


def _free(work: Path) -> Path:
    """A directory for a run."""
    return next(run for number in range(1, 1000) if not (run := work / f"search{number}").exists())


def read_rows(work: Path) -> list[Row]:
    """What was seen so far, a row a fault."""
    path = work / "rows.json"
    return json.loads(path.read_text()) if path.exists() else []


def _run_quietly(cluster: Cluster, run: Path, space: Path) -> None:
    search = Drill(cluster, run, random.Random(0), None)
    search.begin(space, WORKERS)
    _wait_for_end(search)
    if said := _left_behind(cluster):
        raise RuntimeError(f"the quiet run left behind {said}")


def _search_with_faults(search: Drill, space: Path, faults: list[str], wanted: Written) -> Iterator[Row]:
    """Search while faults are done, as many as find a place before it ends, and tell what was seen of each."""
    if search.run.exists():
        if open_run(search.run).status == "finished":  # while no drill looked on
            return
        search.resume(WORKERS)
        faults = [kind for kind in faults if kind != LATE]
    else:
        if faults[0] == LATE:
            search.cluster.lose_worker(search.victim())
        search.begin(space, WORKERS)
        faults = [faults[0], *(kind for kind in faults[1:] if kind != LATE)]
    for kind in faults:
        if not _is_time(search, len(wanted.records)):
            break
        row = _one_fault(search, kind, wanted) | {"search": search.run.name, "end": None}
        print(time.strftime("%H:%M:%S"), row, flush=True)
        yield row


def _is_time(search: Drill, trials: int) -> bool:
    """Wait until trials end, and then for a time by chance; returns whether some of so many are still to end."""
    before = len(Written.read(search.run).records)
    wait_until(lambda: _ended_since(search, before) or not search.is_searching, MEND_SECONDS, "trials end")
    time.sleep(search.draw.uniform(0, 10))
    return search.is_searching and len(Written.read(search.run).records) < trials


def _ended_since(search: Drill, before: int, count: int = 2) -> bool:
    return len(Written.read(search.run).records) >= before + count


def _one_fault(search: Drill, kind: str, wanted: Written) -> Row:
    before, began = Written.read(search.run), time.monotonic()
    phrase, said, recovered = kind, list[str](), began
    try:
        phrase = FAULTS[kind](search)
        recovered = time.monotonic()
        ended = len(Written.read(search.run).records)
        wait_until(lambda: _is_whole(search, ended) or not search.is_searching, MEND_SECONDS, "all is well again")
    except AssertionError as error:
        said.append(" ".join(str(error).split()))
    except (RuntimeError, TimeoutError) as error:
        said.append(" ".join(str(error).split()))
        search.start_again()  # what was not mended must not spoil the faults that follow
    after = Written.read(search.run)
    return {
        "kind": kind,
        "what": phrase,
        "ended": [len(before.records), len(after.records)],
        "fault_seconds": round(recovered - began, 1),
        "recovery_seconds": round(time.monotonic() - recovered, 1),
        "again": repeated(after) - repeated(before),
        "complaints": [*said, *complaints(before, after, wanted)],
    }


def _is_whole(search: Drill, ended: int) -> bool:
    """Whether every host has a process for trials, and trials end."""
    return all(search.cluster.actors().values()) and _ended_since(search, ended)


def _wait_for_end(search: Drill) -> None:
    if search.driver is not None and (code := search.driver.wait(timeout=SEARCH_SECONDS)):
        raise RuntimeError(f"the search ended with {code} and said {search.cluster.driver_log.read_text()[-500:]}")


def _at_the_end(search: Drill, quiet: Path, wanted: Written) -> list[str]:
    """What is wrong when the search has ended."""
    try:
        _wait_for_end(search)
    except RuntimeError as error:
        return [" ".join(str(error).split())]
    after = Written.read(search.run)
    said = [*complaints(after, after, wanted), *ended_otherwise(after, wanted), *unlike(search.run, quiet)]
    return [*said, *_left_behind(search.cluster)]


def _left_behind(cluster: Cluster) -> list[str]:
    """What a search has left on the hosts: processes of trials and of drivers, and files that are not Ray's own."""

    def is_gone() -> bool:
        drivers = [line for line in cluster.head.processes().values() if is_driver(line)]
        return not drivers and not any(cluster.actors().values())

    try:
        wait_until(is_gone, 60.0, "the processes of the search end")
    except TimeoutError as error:
        return [str(error)]
    hosts = (cluster.head, *cluster.workers)
    found = {host.name: set(host.run("ls", "-A", "/tmp").split()) - _OF_THE_HOST for host in hosts}
    return [f"{host} has /tmp/{name}" for host, names in found.items() for name in sorted(names)]


HEAD = """\
# Faults done to a search on a cluster

Made by `python -m analysis.drill runs/drill --other-python PYTHON -o analysis/drill.md`; `analysis/drill.py` says how.

A head and {workers} workers are hosts with addresses of their own, made of Linux namespaces on one machine. The search
is `{space}`: {trials} trials, finals included. It ran once without a fault. Then {faults} faults were done to it in
{searches}.{planned}

After **{right} of {faults} faults** no ended trial was lost, none was counted twice, and the journal was the quiet
run's, trial for trial. Of the searches that came to their end, **{same} of {ended}** had the quiet run's front, finals
and files, and left no process. Ray's health checks had their default times; its processes had longer to start. Each
host ran `ray start` again when it ended, as a service manager does. A link was made bad by a cable of two TAP devices,
since not every kernel has `netem`; a host was made slow by stopping its processes for a part of the time.

| | fault | what was done | seconds | whole again after | ended before | ended after | tried again | wrong |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
FOOT = """
*seconds*: that the fault took, with what mends it. *whole again after*: seconds until every host had a process for
trials and two more trials had ended. *tried again*: attempts beyond the first, of the trials that ended meanwhile.

| search | faults | at its end |
| --- | --- | --- |
"""


def page(rows: list[Row], planned: int, quiet: Written, space: str) -> str:
    """The page that says what was seen."""
    ends = {row["search"]: row["end"] for row in rows}
    ended = [said for said in ends.values() if said is not None]
    head = HEAD.format(
        planned="" if planned == len(rows) else f" {planned} are planned; the same command goes on with the others.",
        workers=WORKERS,
        space=space,
        trials=len(quiet.records),
        searches="one search" if len(ends) == 1 else f"{len(ends)} searches",
        faults=len(rows),
        right=sum(not row["complaints"] for row in rows),
        same=sum(not said for said in ended),
        ended=len(ended),
    )
    lines = "\n".join(_table_line(number, row) for number, row in enumerate(rows, 1))
    return f"{head}{lines}\n{FOOT}" + "".join(_search_line(name, said, rows) + "\n" for name, said in ends.items())


def _table_line(number: int, row: Row) -> str:
    wrong = "; ".join(row["complaints"]) or "nothing"
    numbers = (row["fault_seconds"], row["recovery_seconds"], *row["ended"], row["again"])
    return f"| {number} | {row['kind']} | {row['what']} | {' | '.join(map(str, numbers))} | {wrong} |"


def _search_line(name: str, said: list[str] | None, rows: list[Row]) -> str:
    count = sum(row["search"] == name for row in rows)
    return f"| {name} | {count} | {_verdict(said)} |"


def _verdict(said: list[str] | None) -> str:
    if said is None:
        return "not at its end yet"
    return "; ".join(said) or "the quiet run, to the last number"


def main() -> None:
    """Run the drill, or what is left of it, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, metavar="DIR", help="where what was seen is kept; not below /tmp")
    parser.add_argument("--count", type=int, default=COUNT, help="faults in all")
    parser.add_argument("--kinds", nargs="+", default=list(FAULTS), choices=list(FAULTS), metavar="KIND")
    parser.add_argument("--space", type=Path, default=SPACE, help="what is searched")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--nice", type=int, default=0, help="of all processes")
    parser.add_argument("--other-python", type=Path, help="a Python of another version with the same Ray")
    parser.add_argument("-o", "--output", type=Path, help="the page")
    given = parser.parse_args()
    if reason := why_not():
        raise UserError(reason)
    if given.other_python is None and OTHER_PYTHON in given.kinds:
        raise UserError(f"the fault {OTHER_PYTHON} needs --other-python, or name other --kinds")
    work = given.work.absolute()
    if work.is_relative_to("/tmp"):
        raise UserError(f"{work}: each host has a /tmp of its own; expected a directory elsewhere")
    work.mkdir(parents=True, exist_ok=True)
    faults = schedule(given.count, given.kinds, given.seed)

    def report() -> None:
        text = page(read_rows(work), len(faults), Written.read(work / "quiet"), given.space.name)
        if given.output:
            write_whole(given.output, text)
        else:
            print(text)

    if left_of(faults, read_rows(work)) or _under_way(work):
        with Network() as network:
            cluster = Cluster(network, work, given.nice)
            cluster.start_head()
            for _ in range(WORKERS):
                cluster.add_worker()
            drill(cluster, work, given.space.absolute(), faults, given.seed, given.other_python, report)
    report()


if __name__ == "__main__":
    run_script(main)
