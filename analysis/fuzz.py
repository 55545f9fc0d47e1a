"""Files that are damaged in thousands of ways: each must be read, or refused in one line, quickly and in little memory.

    python -m analysis.fuzz [--count 2000] [--seed 0]

Makes a good file of each kind, damages copies of it (bytes flipped, cut out, doubled, cut off; numbers made extreme),
and reads each as the commands do, in a process of its own. Prints how many of each kind were read and refused, the
longest time and the largest memory; and each file that was neither, which is left in the folder that is named then.
Exits with 1 where there was one.
"""

import argparse
import faulthandler
import io
import multiprocessing
import os
import random
import shutil
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from ganetic.config import read_toml
from ganetic.data import load_images
from ganetic.errors import UserError
from ganetic.evolution.space import SearchSpace
from ganetic.loss.card import LossCard, read_card, write_card
from ganetic.loss.library import LIBRARY
from ganetic.shipped import shipped_presets, shipped_spaces
from ganetic.training.config import TrainConfig

SECONDS = 2.0
"""The longest that a file may take."""
MEBIBYTES = 1024.0
"""The most memory that a file may take."""
DEAD_SECONDS = 30
"""A process that says nothing for so long is ended; what it read then hung."""
LINE = 600
"""The most characters of a refusal."""
SIDE = 32
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        suffix: of its files.
        good: makes the content of a good one.
        read: reads one as the commands do.
    """

    suffix: str
    good: Callable[[], bytes]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """What became of a damaged file: ``read``, ``refused``, or what went wrong."""

    kind: str
    number: int
    outcome: str
    said: str
    seconds: float
    mebibytes: float

    @property
    def is_fine(self) -> bool:
        """Whether it was read or refused, in time and in little memory."""
        quick = self.seconds <= SECONDS and self.mebibytes <= MEBIBYTES
        return self.outcome in ("read", "refused") and quick


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _picture(kind: str, mode: str = "L", **options: object) -> bytes:
    pixels = {"L": _noise(SIDE, SIDE), "RGB": _noise(SIDE, SIDE, 3), "I;16": _noise(SIDE, SIDE).astype(np.uint16) * 9}
    packed = io.BytesIO()
    Image.fromarray(pixels[mode]).save(packed, kind, **options)
    return packed.getvalue()


def _tiff() -> bytes:
    packed = io.BytesIO()
    pages = [Image.fromarray(_noise(SIDE, SIDE)) for _ in range(3)]
    pages[0].save(packed, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    return packed.getvalue()


def _dicom() -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415 - an extra
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid  # noqa: PLC0415

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["fuzz"])
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientID = "somebody"
    data.Rows = data.Columns = SIDE
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME1"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept, data.WindowCenter, data.WindowWidth = 2, -1024, 40, 400
    data.PixelData = (_noise(SIDE, SIDE).astype(np.uint16) * 16).tobytes()
    packed = io.BytesIO()
    data.save_as(packed, enforce_file_format=True)
    return packed.getvalue()


def _nifti() -> bytes:
    import nibabel  # noqa: PLC0415 - an extra

    image = nibabel.Nifti1Image(_noise(SIDE, SIDE, 4).astype(np.int16), np.eye(4))
    return bytes(image.to_bytes())


def _npz() -> bytes:
    packed = io.BytesIO()
    labels = np.arange(40) % 2
    arrays = {"images": _noise(40, 8, 8), "labels": labels, "class_names": np.array(["a", "b"]), "patient": labels}
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def _card() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.json"
        write_card(LossCard.of("ganetic", LIBRARY["ganetic"].formula), path)
        return path.read_bytes()


def _read_picture(file: Path) -> object:
    """Read it as one of a class folder, beside good ones."""
    folder = file.with_name(f"set-{file.stem}")
    folder.mkdir()
    for number in range(16):
        Image.fromarray(_noise(SIDE, SIDE)).save(folder / f"{number}.png")
    file.rename(folder / file.name)
    return load_images(f"folder:{folder}?window=image", size=SIDE)


def _read_toml(file: Path) -> object:
    return read_toml(file, SearchSpace)


def _read_training(file: Path) -> object:
    return read_toml(file, TrainConfig)


KINDS = {
    "png": Kind(".png", lambda: _picture("png", "RGB"), _read_picture),
    "png of 16 bits": Kind(".png", lambda: _picture("png", "I;16"), _read_picture),
    "jpeg": Kind(".jpg", lambda: _picture("jpeg", "RGB", exif=Image.Exif().tobytes()), _read_picture),
    "tiff": Kind(".tif", _tiff, _read_picture),
    "gif": Kind(".gif", lambda: _picture("gif"), _read_picture),
    "dicom": Kind(".dcm", _dicom, _read_picture),
    "nifti": Kind(".nii", _nifti, _read_picture),
    "npz": Kind(".npz", _npz, lambda file: load_images(f"npz:{file}")),
    "card": Kind(".json", _card, read_card),
    "space": Kind(".toml", shipped_spaces()["quick"].read_bytes, _read_toml),
    "training": Kind(".toml", shipped_presets()["demo"].read_bytes, _read_training),
}


def damaged(good: bytes, stream: random.Random) -> bytes:
    """A copy with one to four things done to it."""
    content = bytearray(good)
    for _ in range(stream.randint(1, 4)):
        if not content:
            break
        place = stream.randrange(len(content))
        length = stream.randint(1, max(1, min(64, len(content) - place)))
        match stream.randrange(6):
            case 0:
                for _ in range(stream.randint(1, 20)):
                    content[stream.randrange(len(content))] = stream.randrange(256)
            case 1:
                del content[place : place + length]
            case 2:
                content[place:place] = content[place : place + length] * stream.randint(1, 40)
            case 3:
                del content[place:]
            case 4:
                order = stream.choice("<>")
                number = struct.pack(f"{order}I", stream.choice(EXTREMES))[: stream.choice((1, 2, 4))]
                content[place : place + len(number)] = number
            case _:
                content[place : place + length] = stream.randbytes(length)
    return bytes(content)


def fuzz(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Damage and read so many files of all kinds, in processes that are replaced when they hang or die.

    Args:
        count: files.
        seed: of the damage.
        folder: where files that were neither read nor refused are left.
    """
    names = [name for _, name in zip(range(count), _round(), strict=False)]
    while names:
        done = yield from _in_a_process(count - len(names), names, seed, folder)
        names = names[done:]


def _round() -> Iterator[str]:
    while True:
        yield from KINDS


def _in_a_process(first: int, names: list[str], seed: int, folder: Path) -> Iterator[Case]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_read_all, args=(theirs, first, names, seed, folder), daemon=True)
    process.start()
    theirs.close()
    for number, name in enumerate(names):
        try:
            if not ours.poll(DEAD_SECONDS):
                raise EOFError
            case: Case = ours.recv()
        except EOFError:
            process.kill()
            process.join()
            yield Case(name, first + number, "hung or died", f"exit code {process.exitcode}", DEAD_SECONDS, 0.0)
            return number + 1
        yield case
    process.join()
    return len(names)


def _read_all(
    pipe: "multiprocessing.connection.Connection", first: int, names: list[str], seed: int, folder: Path
) -> None:
    faulthandler.enable()
    warnings.simplefilter("error")
    good = {name: kind.good() for name, kind in KINDS.items()}
    for number, name in enumerate(names, first):
        pipe.send(_case(name, number, damaged(good[name], random.Random(f"{seed} {number}")), folder))


def _case(name: str, number: int, content: bytes, folder: Path) -> Case:
    place = folder / f"{number:05d}"
    place.mkdir()
    file = place / f"odd{KINDS[name].suffix}"
    file.write_bytes(content)
    before = _resident(peak=False)
    began = time.process_time()
    with _standard_error() as printed:
        outcome, said = _outcome(name, file)
    case = Case(name, number, outcome, said, time.process_time() - began, _resident(peak=True) - before)
    if printed:
        case = Case(name, number, "printed", printed[0][:LINE], case.seconds, case.mebibytes)
    if case.is_fine:
        shutil.rmtree(place)
    return case


def _outcome(name: str, file: Path) -> tuple[str, str]:
    try:
        KINDS[name].read(file)
    except UserError as error:
        line = str(error)
        return ("refused" if "\n" not in line and len(line) <= LINE else "refused at length"), line
    except BaseException as error:  # noqa: BLE001 - whatever else comes out is what is looked for
        return f"raised {type(error).__name__}", str(error)[:LINE]
    return "read", ""


@contextmanager
def _standard_error() -> Iterator[list[str]]:
    """Gather what libraries print past Python."""
    printed: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield printed
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            aside.seek(0)
            if text := aside.read().decode("utf-8", "replace").strip():
                printed.append(text)


def _resident(peak: bool) -> float:
    """Resident memory now, with the peak forgotten; or the peak since then. In MiB."""
    if not peak:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> int:
    """Fuzz, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="damaged files")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ganetic-fuzz-"))
    cases = list(fuzz(arguments.count, arguments.seed, folder))
    odd = [case for case in cases if not case.is_fine]
    Console().print(table(cases))
    for case in odd:
        print(
            f"{case.kind} #{case.number}: {case.outcome}: {case.said} ({case.seconds:.1f} s, {case.mebibytes:.0f} MiB)"
        )
    if odd:
        print(f"{len(odd)} of {len(cases)} files were neither read nor refused; they lie in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def table(cases: list[Case]) -> Table:
    """Lay out what became of the files, a row a kind."""
    laid = Table(box=None, pad_edge=False, header_style="dim")
    laid.add_column("kind")
    for column in ("files", "read", "refused", "else", "longest, s", "most, MiB"):
        laid.add_column(column, justify="right")
    for name in KINDS:
        mine = [case for case in cases if case.kind == name]
        if mine:
            counts = [sum(case.outcome == outcome for case in mine) for outcome in ("read", "refused")]
            worst = (max(case.seconds for case in mine), max(case.mebibytes for case in mine))
            laid.add_row(
                name,
                str(len(mine)),
                *map(str, counts),
                str(len(mine) - sum(counts)),
                f"{worst[0]:.2f}",
                f"{worst[1]:.0f}",
            )
    return laid


if __name__ == "__main__":
    sys.exit(main())
