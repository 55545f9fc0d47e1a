"""Whether a disk is this machine's own: a journal and its lock do not hold on one that other hosts write, too."""

import re
from pathlib import Path
from typing import NamedTuple

from ganetic.errors import UserError

MOUNTS = Path("/proc/self/mounts")
"""The kernel's table of what is mounted; there is none outside Linux, where every disk passes."""

NETWORK_DISKS = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "panfs", "smb3", "smbfs"}
)
"""File systems of which several hosts have one file open. SQLite's write-ahead log needs memory that all who have the
file open share, and no memory reaches from host to host: https://www.sqlite.org/wal.html says that it "does not work
over a network filesystem". NFS, GPFS and Lustre answer "locking protocol"; where a lone host gets through, a reader on
another one may meet half a transaction. Overlays of containers and 9p of virtual machines are of one host, and
pass."""


class Mount(NamedTuple):
    """What a path lies on.

    Attributes:
        source: the device, or ``server:/export``.
        place: where it is mounted.
        kind: the file system, such as ``ext4`` or ``nfs4``; of one in user space without its ``fuse.``.
    """

    source: str
    place: Path
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether other hosts may have its files open, too."""
        return self.kind in NETWORK_DISKS | {"sshfs", "s3fs", "gcsfuse", "rclone", "juicefs"}


def refuse_network_disk(path: Path) -> None:
    """Refuse a place for a journal that other hosts can open.

    Args:
        path: of the journal or its directory, which need not exist yet.

    Raises:
        UserError: it lies on a network disk.
    """
    mount = mount_of(path)
    if mount is not None and mount.is_network:
        raise UserError(
            f"{path}: lies on a network disk ({mount.kind}, {mount.source}), where SQLite's log and the run's lock do "
            "not hold; name a directory on a local disk (caches: GANETIC_CACHE), and copy there a run that is to go on"
        )


def mount_of(path: Path) -> Mount | None:
    """Return what a path lies on, links followed; None where the system does not say."""
    real = path.resolve()  # first, as it makes the system mount what it mounts when it is needed
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    mounts = [_read(line) for line in lines]
    above = [mount for mount in mounts if real.is_relative_to(mount.place)]
    return max(reversed(above), key=lambda mount: len(mount.place.parts), default=None)  # the last hides those below it


def _read(line: str) -> Mount:
    source, place, kind = (_unescaped(word) for word in line.split(" ")[:3])
    return Mount(source, Path(place), kind.removeprefix("fuse."))


def _unescaped(word: str) -> str:
    """The kernel writes spaces, tabs, line ends and backslashes as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
