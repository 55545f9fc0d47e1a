from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.evolution.search import resume, search
from ganetic.jobs import disk
from ganetic.jobs.disk import mount_of, refuse_network_disk
from ganetic.jobs.journal import Journal
from ganetic.studies.compare import compare
from tests.small_run import SPACE, new_small_run, small_runtime

Mounted = Callable[..., None]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """Gives the machine a table of mounts: the root, and lines of a source, a place and a file system."""

    def mount(*lines: str) -> None:
        text = "".join(f"{line} rw,relatime 0 0\n" for line in ("/dev/vda / ext4", *lines))
        (tmp_path / "mounts").write_text(text, encoding="utf-8")
        monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mounts")

    return mount


@pytest.fixture
def shared(tmp_path: Path, mounted: Mounted) -> Iterator[Path]:
    """A folder that another host exports."""
    folder = tmp_path / "shared"
    folder.mkdir()
    mounted(f"server:/export {folder} nfs4")
    yield folder
    assert list(folder.iterdir()) == []  # whatever was refused has left nothing


REFUSED = r"lies on a network disk \(nfs4, server:/export\).*name a directory on a local disk"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs"])
def test_disks_of_many_hosts_are_refused(kind: str, tmp_path: Path, mounted: Mounted) -> None:
    mounted(f"server:/export {tmp_path}/shared {kind}")
    with pytest.raises(UserError, match=rf"\({kind.removeprefix('fuse.')}, server:/export\)") as caught:
        refuse_network_disk(tmp_path / "shared" / "not" / "there")
    assert "\n" not in str(caught.value)
    refuse_network_disk(tmp_path / "sharedness")  # a name that only begins alike


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "9p", "fuse.fuse-overlayfs"])
def test_disks_of_one_host_are_taken(kind: str, tmp_path: Path, mounted: Mounted) -> None:
    mounted(f"somewhere {tmp_path}/own {kind}")
    refuse_network_disk(tmp_path / "own" / "run")


def test_the_innermost_and_last_mount_counts(tmp_path: Path, mounted: Mounted) -> None:
    mounted(f"server:/home {tmp_path} nfs4", f"/dev/sdb {tmp_path}/scratch xfs", f"server:/x {tmp_path}/scratch/x nfs")
    refuse_network_disk(tmp_path / "scratch" / "run")
    for place in (tmp_path / "run", tmp_path / "scratch" / "x" / "run"):
        with pytest.raises(UserError, match="network disk"):
            refuse_network_disk(place)
    mounted(f"server:/x {tmp_path}/twice nfs", f"/dev/sdb {tmp_path}/twice ext4")
    refuse_network_disk(tmp_path / "twice")
    mounted(f"/dev/sdb {tmp_path}/twice ext4", f"server:/x {tmp_path}/twice nfs")
    with pytest.raises(UserError, match="network disk"):
        refuse_network_disk(tmp_path / "twice")


def test_links_and_odd_names_are_followed(tmp_path: Path, mounted: Mounted) -> None:
    (tmp_path / "my disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "my disk")
    mounted(f"server:/a\\040b {tmp_path}/my\\040disk nfs")
    with pytest.raises(UserError, match="server:/a b"):
        refuse_network_disk(tmp_path / "link" / "run")


def test_without_a_table_every_disk_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "not there")
    assert mount_of(tmp_path) is None
    refuse_network_disk(tmp_path)


def test_the_table_of_this_machine_is_read() -> None:
    if not disk.MOUNTS.exists():
        pytest.skip("this system has no table of mounts")
    mount = mount_of(Path("/proc/self"))
    assert mount is not None
    assert mount.kind == "proc"


def test_journals_are_neither_made_nor_opened_there(tmp_path: Path, shared: Path, mounted: Mounted) -> None:
    with pytest.raises(UserError, match=REFUSED):
        Journal.create(shared / "journal.db", {})
    local = tmp_path / "journal.db"
    Journal.create(local, {"seed": 1}).close()
    mounted(f"server:/export {tmp_path} nfs4")
    with pytest.raises(UserError, match=REFUSED):
        Journal.open(local)
    with Journal.open_readonly(local) as journal:  # what is finished can be looked at wherever it is
        assert journal.meta == {"seed": 1}


def test_a_search_is_refused_before_its_data_is_looked_at(shared: Path) -> None:
    with pytest.raises(UserError, match=REFUSED):
        search(SPACE, data="no-such-data", run=shared / "run", runtime=small_runtime())


def test_a_comparison_is_refused_before_anything_is_trained(shared: Path) -> None:
    with pytest.raises(UserError, match=REFUSED):
        compare(["bce", "hinge"], "digits", directory=shared / "compare", runtime=small_runtime())


def test_a_run_there_is_not_resumed_and_its_copy_is(tmp_path: Path, mounted: Mounted) -> None:
    run = new_small_run(tmp_path / "run")
    mounted(f"server:/export {tmp_path} nfs4")
    with pytest.raises(UserError, match=REFUSED + r".*copy there a run that is to go on"):
        resume(run.directory, small_runtime(max_trials=run.asked + 4))
    mounted(f"server:/export {tmp_path} nfs4", f"/dev/sdb {tmp_path}/run ext4")
    assert resume(run.directory, small_runtime(max_trials=run.asked + 4)).status == "finished"
