"""chest_xray128 of GANETIC_DATA, written as the files that hospitals have."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

LEVELS = 257
"""16-bit grey levels for each 8-bit one: 255 becomes 65535."""


class Chest:
    """Every fifth image of the set, in the order of its classes, as a folder would be read."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "chest_xray128.npz", allow_pickle=False) as archive:
            labels = archive["labels"]
            chosen = np.flatnonzero(np.arange(len(labels)) % 5 == 0)
            names = archive["class_names"]
            self.classes = [str(names[label]) for label in labels[chosen]]
            self.images: NDArray[np.uint8] = archive["images"][chosen]
        self.patients = np.load(folder / "patient.npy")[chosen]
        order = np.argsort(self.classes, kind="stable")
        self.classes = [self.classes[number] for number in order]
        self.images, self.patients = self.images[order], self.patients[order]

    def write_npz(self, path: Path) -> str:
        """As an archive with patients."""
        names = sorted(set(self.classes))
        labels = np.array([names.index(one) for one in self.classes])
        np.savez(path, images=self.images, labels=labels, class_names=np.array(names), patient=self.patients)
        return f"npz:{path}"

    def write_png16(self, root: Path) -> str:
        """As 16-bit PNGs, a folder a class."""
        for number, (image, name) in enumerate(zip(self.images, self.classes, strict=True)):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.astype(np.uint16) * LEVELS).save(root / name / f"{number:04d}.png")
        return f"folder:{root}"

    def write_dicom(self, root: Path) -> str:
        """As 12-bit DICOM files with rescale, window and patient, every other one MONOCHROME1."""
        for number, (image, name) in enumerate(zip(self.images, self.classes, strict=True)):
            (root / name).mkdir(parents=True, exist_ok=True)
            data = _dicom(image, inverted=number % 2 == 1, patient=f"P{self.patients[number]}")
            data.save_as(root / name / f"{number:04d}.dcm", enforce_file_format=True)
        return f"folder:{root}"


def _dicom(image: NDArray[np.uint8], inverted: bool, patient: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientID = patient
    data.Rows, data.Columns = image.shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept = 2, -1000
    # A stored value v is 2·v − 1000; the window shows 16 stored levels for each grey level.
    data.WindowCenter, data.WindowWidth = 16 * 255 - 1000 + 0.5, 32 * 255 + 1
    data.PixelData = ((255 - image if inverted else image).astype(np.uint16) * 16).tobytes()
    return data


@pytest.fixture(scope="session")
def chest() -> Chest:
    """The set, where GANETIC_DATA names the folder of it."""
    folder = Path(os.environ.get("GANETIC_DATA", "")) / "chest_xray128"
    if not (folder / "chest_xray128.npz").is_file():
        pytest.skip("GANETIC_DATA names no folder with chest_xray128")
    return Chest(folder)
