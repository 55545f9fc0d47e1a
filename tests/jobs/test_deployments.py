"""The files of docs/ that start clusters: each is what its consumer takes, and starts the Ray that is tested."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import typer
import yaml

from ganetic.cli import main  # noqa: F401 - it registers the commands
from ganetic.cli.app import app
from ganetic.evolution.results import JOURNAL
from tests.documents import DOCS

CRD = Path(__file__).parent / "rayjob_crd.yaml"
SLURM = DOCS / "slurm.sbatch"
DATA = "/data"
"""Where the deployments mount what outlives them."""


def cluster_file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCS / "cluster.yaml").read_text(encoding="utf-8"))
    return found


def manifests() -> tuple[dict[str, Any], dict[str, Any]]:
    claim, job = yaml.safe_load_all((DOCS / "kuberay.yaml").read_text(encoding="utf-8"))
    return claim, job


def ray_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    return schema


def crd_schema() -> dict[str, Any]:
    crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as kubectl applies it, which refuses fields that are not there."""
    schema = deepcopy(schema)
    if "properties" in schema:
        schema["additionalProperties"] = False
        schema["properties"] = {name: closed(one) for name, one in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = closed(schema["items"])
    return schema


def test_rays_schema_takes_the_cluster_file() -> None:
    jsonschema.validate(cluster_file(), ray_schema())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda config: config.update(head_node="head"),
        lambda config: config["docker"].update(tag="latest"),
        lambda config: config["available_node_types"]["worker"].pop("resources"),
        lambda config: config.update(setup_commands="pip install ganetic"),
    ],
)
def test_rays_schema_refuses_others(spoil: Any) -> None:
    config = cluster_file()
    spoil(config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, ray_schema())


def test_node_types_exist_and_the_journal_lies_on_the_disk_of_the_head() -> None:
    config = cluster_file()
    assert config["available_node_types"][config["head_node_type"]]["resources"] == {"CPU": 0}
    (option,) = config["docker"]["head_run_options"]
    host, _, inside = option.removeprefix("--volume ").partition(":")
    assert inside == DATA
    assert f"mkdir -p {host}" in config["initialization_commands"]
    assert config["provider"]["cache_stopped_nodes"] is True  # else `ray down` deletes that disk


def test_the_published_definition_takes_the_manifest() -> None:
    claim, job = manifests()
    jsonschema.validate(job, crd_schema())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec.update(entryPoint="ganetic"),
        lambda spec: spec["rayClusterSpec"].pop("headGroupSpec"),
        lambda spec: spec["rayClusterSpec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
        lambda spec: spec["rayClusterSpec"]["workerGroupSpecs"][0].pop("maxReplicas"),
        lambda spec: worker(spec)["resources"]["limits"].update(memory="32 GB"),
        lambda spec: worker(spec).update(volumeMount=[]),
    ],
)
def test_the_published_definition_refuses_others(spoil: Any) -> None:
    _, job = manifests()
    spoil(job["spec"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, crd_schema())


def worker(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    return found


def test_the_journal_of_the_job_lies_on_a_claim_that_outlives_it() -> None:
    claim, job = manifests()
    pod = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    (volume,) = pod["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert mount == {"mountPath": DATA, "name": volume["name"]}
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]  # what many nodes can mount is NFS or its like


def test_the_entry_point_begins_or_goes_on(tmp_path: Path) -> None:
    _, job = manifests()
    entry = job["spec"]["entrypoint"].replace(DATA, str(tmp_path))
    stub(tmp_path / "bin" / "ganetic", 'echo "$@"')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    first = subprocess.run(shlex.split(entry), env={"PATH": path}, check=True, capture_output=True, text=True).stdout
    assert_understood(first)
    run = Path(shlex.split(first)[shlex.split(first).index("--run") + 1])
    assert run.is_relative_to(tmp_path)
    run.mkdir(parents=True)
    (run / JOURNAL).touch()
    then = subprocess.run(shlex.split(entry), env={"PATH": path}, check=True, capture_output=True, text=True).stdout
    assert shlex.split(then)[:2] == ["resume", str(run)]
    assert_understood(then)


def assert_understood(line: str) -> None:
    """The command line takes such a command."""
    group = typer.main.get_command(app)
    context = group.make_context("ganetic", [], resilient_parsing=True)
    name, *rest = shlex.split(line)
    command = group.get_command(context, name)  # type: ignore[attr-defined]
    assert command is not None
    command.make_context(name, rest, parent=context)


def test_the_ray_that_is_started_is_the_one_that_is_tested() -> None:
    _, job = manifests()
    dockerfile = (DOCS / "kuberay.Dockerfile").read_text(encoding="utf-8")
    images = [cluster_file()["docker"]["image"], *re.findall("^FROM (.*)$", dockerfile, re.MULTILINE)]
    assert len(images) == 2
    for image in images:
        assert re.fullmatch(rf"rayproject/ray:{re.escape(ray.__version__)}-py3\d+-gpu", image)
    spec = job["spec"]["rayClusterSpec"]
    assert spec["rayVersion"] == ray.__version__
    containers = [spec["headGroupSpec"]["template"]["spec"]["containers"][0], worker(job["spec"])]
    assert {container["image"] for container in containers} == {f"REGISTRY/ganetic:ray-{ray.__version__}"}
    assert f"-t REGISTRY/ganetic:ray-{ray.__version__}" in dockerfile


def test_shellcheck_finds_nothing() -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    found = subprocess.run([checker, str(SLURM)], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


GANETIC = """
import os, signal, sqlite3, sys, time
from pathlib import Path
words = sys.argv[1:]
Path(os.environ["CALLS"]).open("a").write(" ".join(words) + "\\n")
run = Path(words[1] if words[0] == "resume" else words[words.index("--run") + 1])
run.mkdir(exist_ok=True)
journal = sqlite3.connect(run / "journal.db", isolation_level=None)
journal.execute("PRAGMA journal_mode = WAL")
journal.execute("CREATE TABLE IF NOT EXISTS trials (number INTEGER)")
journal.execute("INSERT INTO trials SELECT count(*) FROM trials")
(run / "space.json").write_text("{}")
(run / "lock").write_text("me")
def stop(*_):
    os._exit(130)  # as a driver that is killed: its log is not folded in
signal.signal(signal.SIGINT, stop)
if "WAITS" in os.environ:
    Path(os.environ["WAITS"]).touch()
    time.sleep(60)
os._exit(0)
"""


def stub(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """A job of three nodes: the commands of SLURM and Ray, which write down how they are called."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    stub(programs / "scontrol", "printf 'node1\\nnode2\\nnode3\\n'")
    stub(programs / "srun", 'while [[ $1 == -* ]]; do if [[ $1 == -w ]]; then shift; fi; shift; done; exec "$@"')
    stub(programs / "hostname", "echo 'fe80::1 10.0.0.7 10.0.0.8'")
    stub(programs / "ray", f'echo "ray $*" >> {calls}')
    (tmp_path / "ganetic.py").write_text(GANETIC, encoding="utf-8")
    stub(programs / "ganetic", f'exec {sys.executable} {tmp_path / "ganetic.py"} "$@"')
    (tmp_path / "scratch").mkdir()
    return {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CALLS": str(calls),
        "SCRATCH": str(tmp_path / "scratch"),
        "SLURM_JOB_ID": "17",
        "SLURM_JOB_NODELIST": "node[1-3]",
        "SLURM_CPUS_PER_TASK": "16",
        "SLURM_GPUS_PER_TASK": "2",
    }


def kept_trials(slurm: dict[str, str]) -> list[int]:
    with closing(sqlite3.connect(Path(slurm["HOME"]) / "ganetic" / "first" / "journal.db")) as journal:
        return [number for (number,) in journal.execute("SELECT number FROM trials ORDER BY number")]


def submit(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", SLURM], env=environment, check=False, capture_output=True, text=True, timeout=60)


def test_a_slurm_job_searches_keeps_and_is_resumed_by_the_next(slurm: dict[str, str]) -> None:
    first = submit(slurm)
    assert (first.returncode, first.stderr) == (0, "")
    assert kept_trials(slurm) == [0]
    shutil.rmtree(slurm["SCRATCH"])  # the disk of the node is another one
    Path(slurm["SCRATCH"]).mkdir()
    assert submit(slurm | {"SLURM_JOB_ID": "18", "SLURM_GPUS_PER_TASK": "0"}).returncode == 0
    assert kept_trials(slurm) == [0, 1]
    calls = Path(slurm["CALLS"]).read_text().splitlines()
    search, resume = [line for line in calls if not line.startswith("ray")]
    assert search == (
        f"search cluster --run {slurm['SCRATCH']}/ganetic-17 --address 10.0.0.7:6379 --workers 48 "
        "--gpus-per-trial 0.125"
    )
    assert resume == f"resume {slurm['SCRATCH']}/ganetic-18 --address 10.0.0.7:6379 --workers 48"
    assert_understood(search)
    assert_understood(resume)
    starts = [line for line in calls if line.startswith("ray start")]
    assert sum("--head" in line for line in starts) == 2
    assert sum("--address 10.0.0.7:6379" in line for line in starts) == 4
    kept = {path.name for path in (Path(slurm["HOME"]) / "ganetic" / "first").iterdir()}
    assert kept == {"journal.db", "space.json"}


def test_a_slurm_job_whose_time_is_up_stops_its_search_and_keeps_it(slurm: dict[str, str], tmp_path: Path) -> None:
    waits = tmp_path / "waits"
    with subprocess.Popen(["bash", SLURM], env=slurm | {"WAITS": str(waits)}) as job:
        while not waits.exists():
            assert job.poll() is None
        job.send_signal(signal.SIGUSR1)
        assert job.wait(timeout=30) == 130
    assert kept_trials(slurm) == [0]
