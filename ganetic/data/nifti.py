"""Stub."""

from pathlib import Path

from ganetic.data.pictures import Picture

NIFTI_SUFFIXES = (".nii",)


def read_nifti(file: Path, plane: str = "axial") -> list[Picture]:
    return []
