"""Folders of pictures: what is read, what is not, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganetic.data import ImageSet, hold_out, load_images
from ganetic.errors import UserError
from tests.data.pictures import noise, write_pictures


def read(folder: Path, options: str = "", **arguments: int) -> ImageSet:
    return load_images(f"folder:{folder}{options}", size=arguments.get("size"))


def count(images: ImageSet) -> dict[str, int]:
    assert images.labels is not None
    return dict(zip(images.class_names, np.bincount(images.labels).tolist(), strict=True))


def test_the_first_level_names_the_class_however_deep_an_image_lies(tmp_path: Path) -> None:
    write_pictures(tmp_path / "ill", noise(9, 8, 8))
    write_pictures(tmp_path / "ill" / "patient 1" / "left", noise(8, 8, 8))
    write_pictures(tmp_path / "well" / "patient 2", noise(7, 8, 8))
    images = read(tmp_path)
    assert count(images) == {"ill": 17, "well": 7}
    assert images.groups is None
    assert images.notes == (f"{images.name}: read 24 images of 2 classes; not read: nothing",)


def test_what_is_not_read_is_told_with_the_reason(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_pictures(root / "a", noise(16, 8, 8))
    write_pictures(root / "b", noise(3, 8, 8))
    for name in ("notes.txt", "more.TXT", "README", ".hidden.png", "._000.png", "table.xlsx"):
        (root / "b" / name).write_bytes(b"x")
    write_pictures(root / ".thumbnails", noise(4, 8, 8))
    write_pictures(root / "__MACOSX", noise(4, 8, 8))
    (root / "b" / "lost.png").symlink_to(root / "nowhere.png")
    (root / "b" / "again").symlink_to(root)
    os.mkfifo(root / "b" / "pipe.png")
    (root / "empty").mkdir()
    images = read(root)
    assert count(images) == {"a": 16, "b": 3}
    (note,) = images.notes
    assert note.startswith("set: read 19 images of 2 classes; not read: ")
    left = dict(part.split(" ", 1)[::-1] for part in note.split("not read: ")[1].split(", "))
    assert left == {
        "hidden": "4",
        "of the kind .txt": "2",
        "of the kind .xlsx": "1",
        "of the kind without a suffix": "1",
        "links to nothing": "1",
        "folders that were read before": "1",
        "no regular files": "1",
    }


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".pgm", ".tiff", ".webp", ".PNG"])
def test_every_suffix_of_a_picture_counts(suffix: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", noise(10, 8, 8))
    for file in write_pictures(tmp_path / "other", noise(6, 8, 8), ".png"):
        kind = {".jfif": "jpeg", ".jpe": "jpeg", ".jp2": "jpeg2000", ".pgm": "ppm"}.get(suffix, suffix[1:])
        with Image.open(file) as picture:
            picture.save(tmp_path / "set" / f"x{file.stem}{suffix}", kind)
    assert read(tmp_path / "set").images.shape == (16, 8, 8, 1)


def test_images_beside_class_folders_are_refused_with_the_choices(tmp_path: Path) -> None:
    write_pictures(tmp_path, noise(50, 8, 8))
    write_pictures(tmp_path / "masks", noise(20, 8, 8))
    with pytest.raises(UserError, match="50 images lie right in the folder and 20 in folders") as caught:
        read(tmp_path)
    for choice in ("masks/", "folder for each class", "name one of the folders", "labels.csv", "file and label"):
        assert choice in str(caught.value)
    assert len(read(tmp_path / "masks").images) == 20


def test_every_page_is_an_image_and_a_files_pages_stay_together(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in noise(60, 8, 8)]
    for number in range(6):
        first, *others = pages[number * 10 : number * 10 + 10]
        kind = "tif" if number % 2 else "gif"
        first.save(tmp_path / f"{number}.{kind}", save_all=True, append_images=others)
    write_pictures(tmp_path, noise(5, 8, 8, seed=9))
    images = read(tmp_path)
    assert images.images.shape == (65, 8, 8, 1)
    assert images.groups is not None
    assert sorted(np.bincount(images.groups).tolist()) == [1] * 5 + [10] * 6
    assert np.array_equal(images.images[5 + 10 : 5 + 20, ..., 0], np.stack([np.asarray(page) for page in pages[10:20]]))
    training, held_out = hold_out(images)
    assert not set(images.groups[training]) & set(images.groups[held_out])
    assert "65 images from 11 files and 11 groups" in images.notes[0]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    upright = noise(16, 8, 8, 3)
    tmp_path.joinpath("set").mkdir()
    turns = {1: 0, 3: 2, 6: 1, 8: 3}  # EXIF value: quarter turns anticlockwise that the camera made
    for number, image in enumerate(upright):
        orientation = list(turns)[number % 4]
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.rot90(image, turns[orientation])
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "set" / f"{number:02d}.png", exif=exif)
    assert np.array_equal(read(tmp_path / "set").images, upright)


def test_warnings_of_pillow_do_not_refuse_a_picture(tmp_path: Path) -> None:
    write_pictures(tmp_path, noise(15, 8, 8))
    palette = Image.fromarray(noise(1, 8, 8)[0]).convert("P")
    palette.save(tmp_path / "palette.png", transparency=b"\x00\x80\xff")
    with Image.open(tmp_path / "000.png") as picture:
        picture.save(tmp_path / "exif.jpg", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x99" * 40)
    assert len(read(tmp_path).images) == 17


def test_bombs_and_truncated_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path, noise(15, 40, 40))
    odd = tmp_path / "odd.png"
    content = (tmp_path / "000.png").read_bytes()
    for cut in (0, 20, len(content) // 2, len(content) * 3 // 4):
        odd.write_bytes(content[:cut])
        with pytest.raises(UserError, match=r"odd\.png: not a readable picture"):
            read(tmp_path)
    Image.fromarray(noise(1, 40, 40)[0]).save(odd)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match="more pixels than Pillow reads without suspicion"):
        read(tmp_path, size=8)


def test_grey_stored_as_rgb_becomes_grey_and_beside_colour_it_is_told(tmp_path: Path) -> None:
    grey = noise(16, 8, 8)
    write_pictures(tmp_path / "grey", grey[..., None].repeat(3, axis=3))
    assert np.array_equal(read(tmp_path / "grey").images[..., 0], grey)
    write_pictures(tmp_path / "grey" / "sub", noise(16, 8, 8, 3))
    with pytest.raises(UserError, match="16 images lie right in the folder"):
        read(tmp_path / "grey")
    write_pictures(tmp_path / "both" / "a", grey)
    write_pictures(tmp_path / "both" / "b", noise(16, 8, 8, 3))
    images = read(tmp_path / "both")
    assert images.images.shape == (32, 8, 8, 3)
    assert "both: 16 of 32 images are grey; they became colour, as the others are" in images.notes


def test_with_a_size_pictures_of_any_shape_are_read(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", noise(15, 12, 20))
    Image.fromarray(noise(1, 1100, 1100)[0]).save(tmp_path / "set" / "large.png")
    with pytest.raises(UserError, match=r"20×12 pixels; expected a square.*name a size"):
        read(tmp_path / "set")
    images = read(tmp_path / "set", size=8)
    assert images.images.shape == (16, 8, 8, 1)
    assert images.name == "set-8"
    assert "set: 15 of 16 images are not square; the middle square of each is used" in images.notes
    with Image.open(tmp_path / "set" / "003.png") as picture:
        expected = picture.crop((4, 0, 16, 12)).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(images.images[3, ..., 0], np.asarray(expected))


def test_a_table_of_labels_says_what_each_file_is(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "x" / "deep", noise(20, 8, 8)) + write_pictures(tmp_path, noise(2, 8, 8))
    rows = [
        f"{file.relative_to(tmp_path)},{('well', 'ill')[number % 2]},p{number // 4},{('train', 'test')[number > 11]}"
        for number, file in enumerate(files[:20])
    ]
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile,label,patient,split,age\n" + "".join(f"{row},4\n" for row in rows), encoding="utf-8")
    images = read(tmp_path)
    assert count(images) == {"ill": 10, "well": 10}
    assert images.groups is not None and images.split is not None
    assert images.groups.tolist() == [number // 4 for number in range(20)]
    assert images.split.tolist() == [0] * 12 + [2] * 8
    assert "not read: 2 not in labels.csv" in images.notes[0]
    assert "columns that are not read: age" in images.notes[1]
    crossing = [row.replace("p3", "p0") for row in rows]
    table.write_text("\n".join(["file,label,patient,split", *crossing]))
    with pytest.raises(UserError, match="1 of 4 patients have images on both sides of the split"):
        read(tmp_path)


def test_a_table_without_labels_leaves_them_to_the_folders(tmp_path: Path) -> None:
    files = write_pictures(tmp_path / "a", noise(10, 8, 8)) + write_pictures(tmp_path / "b", noise(8, 8, 8))
    rows = [f"{file.relative_to(tmp_path)},{number // 3}\n" for number, file in enumerate(files)]
    (tmp_path / "labels.csv").write_text("file,patient\n" + "".join(rows))
    images = read(tmp_path)
    assert count(images) == {"a": 10, "b": 8}
    assert images.groups is not None
    assert images.groups.max() == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("file,label\n000.png\n", "row 2 has 1 cells; expected 2"),
        ("file;label\n000.png;a\n", "separated by commas"),
        ("filename,label\n000.png,a\n", 'has a column "filename", which is not read; rename it "file"'),
        ("file,labels\n000.png,a\n", 'rename it "label"'),
        ("file,label,patient_id\n000.png,a,1\n", 'rename it "patient"'),
        ("label\na\n", 'has no column "file"'),
        ("file,file\na,b\n", 'two columns are named "file"'),
        ("file,label\nzzz.png,a\n", 'names 1 files that are no images of .*"zzz.png"'),
        ("file,label\n000.png,a\n000.png,b\n", "twice"),
        ("file,label\n000.png,\n", "row 2 has no label"),
        ("file,label,split\n000.png,a,trian\n", 'split "trian".*did you mean "train"'),
        ('file,label\n"000.png,a\n', "not a readable CSV file"),
    ],
)
def test_tables_that_cannot_be_meant(text: str, message: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, noise(16, 8, 8))
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_whose_images_are_all_links_to_nothing(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.png").symlink_to(tmp_path / "gone" / f"{number}.png")
    with pytest.raises(UserError, match=r"no images \(20 links to nothing\)"):
        read(tmp_path)


def test_a_service_that_closed_its_standard_error_reads_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path, noise(16, 8, 8))
    code = "import os, sys; os.close(2); from ganetic.data import load_images; print(load_images(sys.argv[1]).count)"
    command = [sys.executable, "-c", code, f"folder:{tmp_path}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "16\n"
