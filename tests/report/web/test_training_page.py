import io
import json
import re
from base64 import b64decode
from pathlib import Path
from shutil import rmtree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from PIL import Image

from ganetic.errors import UserError
from ganetic.jobs.lock import run_lock
from ganetic.report.web.diagnosis import diagnosis_section
from ganetic.report.web.pictures import embedded, opened
from ganetic.report.web.samples import columns_shown, thinned_steps
from ganetic.report.web.trained import read_training
from ganetic.training.failure_modes import FailureMode
from ganetic.training.metadata import METADATA
from tests.old_runs import RUNS
from tests.report.web.hostile import TEXTS
from tests.report.web.pages import check, elements, page_of, text_of
from tests.report.web.trainings import (
    STEPS,
    add_lines,
    add_samples,
    evaluation_in,
    kept_evaluation,
    replace_lines,
    training_of,
)

MOST_BYTES = 2_000_000


def claims(tree: Element) -> str:
    (callout,) = elements(tree, "div", "callout")
    return text_of(callout)


def picture(img: Element) -> Image.Image:
    kind, data = (img.get("src") or "").split(",", 1)
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(b64decode(data)))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Element:
    run = training_of(tmp_path_factory.mktemp("trained"))
    evaluation_in(run / "evaluation")
    return check(page_of(run))


def test_a_training_has_all_parts(tree: Element) -> None:
    assert [text_of(one) for one in elements(tree, "h3")] == [
        "How the training went",
        "Samples",
        "Diagnosis",
        "Evaluation at step 30",
        "The likeliest copies at step 30",
        "The loss",
        "How it was made",
    ]


def test_what_is_to_be_known_stands_first(tree: Element) -> None:
    said = claims(tree)
    for part in (
        "How it stands It is finished: all 30 steps were made.",
        "The lowest fd is 30.2, at step 30; that of real images is 3.4, the untrained generator's 49.9. ",
        "It is of one seed: other seeds may differ, and nothing is claimed of them.",
        "The last measurement found no failure; earlier ones found learnt nothing.",
        "Evaluated at step 30: fd -1234.6, 95 % interval -2345.7 to 2345.7, of real images in their place 0.1",
        "The generator copies its training images: saw memorisation",
        "The rules found mode collapse, low precision, low recall and low variety.",
    ):
        assert part in said


def test_curves_show_every_number_that_was_logged(tree: Element) -> None:
    labels = [one.get("aria-label") for one in elements(tree, "svg", "drawing")]
    assert labels[:3] == [
        "fd over steps: 49.95 at step 0, 30.18 at step 30, lowest 30.18 at step 30",
        "the losses of both players over steps",
        "update of the generator, as a share of a full Adam step, over steps",
    ]
    fd = next(elements(tree, "svg", "drawing"))
    assert len([*elements(fd, "path", "failed")]) == 1, "a cross where learning nothing was found"
    assert len([*elements(fd, "circle", "mark")]) == 1


def test_a_number_of_another_version_has_a_curve_of_its_own(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    add_lines(run, {"step": 10, "ada_p": 0.1}, {"step": 20, "ada_p": 0.2})
    labels = [one.get("aria-label") for one in elements(check(page_of(run)), "svg", "drawing")]
    assert "ada p, over steps" in labels


def test_samples_of_each_checkpoint_stand_beside_the_real_images(tree: Element) -> None:
    frames = [*elements(tree, "figure", "frame")]
    assert [one.get("data-said") for one in frames] == [
        "step 0, fd 49.9",
        "step 10, fd 43.4",
        "step 20, fd 35.4",
        "step 30, fd 30.2, the best",
    ]
    for step, frame in zip(STEPS, frames, strict=True):
        (img,) = elements(frame, "img")
        shown = picture(img)
        assert shown.size == (82, 82) == (int(img.get("width") or 0), int(img.get("height") or 0))
        assert shown.convert("RGB").getpixel((5, 5)) == (step, step, step), "without loss: the page says of none"
    (real,) = elements(tree, "figure", "real")
    assert picture(next(elements(real, "img"))).convert("RGB").getextrema() == ((255, 255),) * 3
    (slider,) = elements(tree, "input")
    assert (slider.get("type"), slider.get("min"), slider.get("max")) == ("range", "0", "3")
    assert any(one.get("for") == slider.get("id") for one in elements(tree, "label"))
    assert "some loss" not in text_of(tree)


def test_of_many_checkpoints_some_are_shown_and_the_page_stays_small(tmp_path: Path) -> None:
    run, noise = training_of(tmp_path, samples=False), np.random.default_rng(0)
    (run / "samples").mkdir()
    for step in range(0, 1000, 10):
        pixels = noise.integers(0, 256, (82, 180, 3), np.uint8)
        Image.fromarray(pixels).save(run / "samples" / f"step-{step:08d}.png")
    page = page_of(run)
    said = text_of(check(page))
    assert re.search("2[1-4] of 100 checkpoints are shown, the first, the best and the last among them", said)
    assert "compressed with some loss" not in said, "noise of so few pixels has room"
    assert len(page.encode()) < MOST_BYTES


def test_thinning_keeps_what_is_to_be_kept_and_both_ends() -> None:
    steps = list(range(0, 1000, 10))
    thinned = thinned_steps(steps, {0, 370, 990}, 8)
    assert {0, 370, 990} <= set(thinned) <= set(steps)
    assert 6 <= len(thinned) <= 8
    assert thinned_steps([1, 2], {1}, 8) == [1, 2]
    assert thinned_steps(steps, set(steps[:4]), 4) == steps[:4]


def test_of_large_images_fewer_are_shown() -> None:
    assert [columns_shown(size) for size in (8, 28, 64, 128, 256, 1024)] == [8, 8, 8, 4, 2, 1]


def test_a_picture_is_exact_where_it_may_be_and_never_too_large() -> None:
    flat = Image.new("RGB", (64, 64), (1, 2, 3))
    assert embedded(flat, 2000).exact
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8))
    small = embedded(noise, 20_000)
    assert not small.exact
    assert len(small.uri) <= 20_000
    assert small.width < 512
    assert embedded(noise, 10).width <= 16, "there is an end to it"


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_picture_is_none(data: bytes, tmp_path: Path) -> None:
    assert opened(data) is None
    assert opened(tmp_path / "missing.png") is None


def test_pairs_show_the_generated_image_beside_the_one_it_is_like(tree: Element) -> None:
    first, second = [*elements(next(elements(tree, "div", "pairs")), "figure")]
    assert first.get("class") == "copy"
    assert second.get("class") is None
    assert text_of(first) == "3, and training image 103: ratio 0.21, a copy"
    shown = np.asarray(picture(next(elements(first, "img"))).convert("L"))
    images = np.arange(200 * 64, dtype=np.uint8).reshape(200, 8, 8)
    assert (shown[:, :8] == images[3]).all()
    assert (shown[:, -8:] == images[103]).all()


def test_an_evaluation_has_a_page_of_its_own(tmp_path: Path) -> None:
    tree = check(page_of(evaluation_in(tmp_path / "judged")))
    assert [text_of(one) for one in elements(tree, "h3")] == [
        "How good and how varied",
        "The likeliest copies",
        "How it was made",
    ]
    said = text_of(tree)
    assert "100,000 images of runs/one at step 30 against chest-xray-of-children-128:0123456789ab" in said
    assert "ganetic evaluate runs/one" in said
    (table,) = elements(tree, "table")
    assert len([*elements(table, "tr")]) == 1 + len(kept_evaluation().evaluation.measures)


def test_an_evaluation_without_pictures_or_pairs_says_so(tmp_path: Path) -> None:
    directory = evaluation_in(tmp_path / "judged")
    for path in directory.glob("*.png"):
        path.write_bytes(b"no picture")
    assert "The picture is not there." in text_of(check(page_of(directory)))
    evaluation = kept_evaluation().evaluation.model_copy(update={"closest": (), "flags": (), "data_copying_z": {}})
    directory = evaluation_in(tmp_path / "other", evaluation=evaluation)
    said = text_of(check(page_of(directory)))
    assert "Whether the images are copies was not judged" in said
    assert "No rule found anything else." in said


def test_a_damaged_evaluation_is_one_line(tmp_path: Path) -> None:
    directory = evaluation_in(tmp_path / "judged")
    (directory / "evaluation.json").write_text('{"format": 1}')
    with pytest.raises(UserError, match=r"evaluation\.json: "):
        page_of(directory)


def test_a_running_training_says_how_far_it_is(tmp_path: Path) -> None:
    run = training_of(tmp_path, "killed")
    with run_lock(run):
        assert "It is running, at step 10 of 30 or a little later." in claims(check(page_of(run)))
    said = claims(check(page_of(run)))
    assert f"It stopped at step 10 of 30; ganetic resume {run} goes on." in said


def test_a_training_without_a_checkpoint_has_a_page(tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    rmtree(run / "checkpoints")
    (run / "metrics.jsonl").unlink()
    tree = check(page_of(run))
    said = text_of(tree)
    assert "It stopped before its first checkpoint" in said
    assert "No trained generator was measured yet" in said
    assert "No samples were drawn yet." in said
    assert "Not measured yet." in said
    with run_lock(run):
        assert "It is running, at step 0 of 30 or a little later. It has no checkpoint yet." in text_of(
            check(page_of(run))
        )
    replace_lines(run, {"step": 0, "fd": 50.0, "ill": None, "seconds": 0.1})
    assert "No trained generator was measured yet" in text_of(check(page_of(run)))


def test_a_training_that_did_not_stay_finite_says_so(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    add_lines(run, {"step": 30, "stopped": "step 27: the generator's weights are not finite"})
    said = text_of(check(page_of(run)))
    assert (
        "It failed at step 27: the generator's weights are not finite. The last good checkpoint is that of step 30."
        in said
    )
    assert "Stopped The training was ended at step 27" in said


def test_a_line_that_a_kill_cut_off_is_passed_over_and_another_is_an_error(tmp_path: Path) -> None:
    run = training_of(tmp_path)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "fd"')
    assert "at step 30" in claims(check(page_of(run)))
    replace_lines(run, {"fd": 3.0})
    with pytest.raises(UserError, match=r"metrics\.jsonl: damaged \(a line without a step\)"):
        page_of(run)
    (run / "metrics.jsonl").write_text('{"step": 10}\n{"step": 20, "f\n{"step": 30}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl: line 2 is damaged \(Invalid control character"):
        page_of(run)


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ({10: None, 20: None}, ["Not found in 2 measurements. It means that the images are nearly all alike"]),
        ({10: "mode_collapse", 20: None}, ["Mode collapse Found at 1 of 2 measurements: at step 10. It means"]),
        (
            {10: "non_convergence", 20: "non_convergence", 30: None, 40: "non_convergence"},
            ["Non-convergence Found at 3 of 4 measurements: at step 10 to 20, 40."],
        ),
        ({10: "vanishing_gradient"}, ["Vanishing gradient Found at 1 of 1 measurement: at step 10."]),
        ({10: "learnt_nothing"}, ["Learnt nothing Found at 1 of 1 measurement", "Mode collapse Not found in 1"]),
        ({10: "of_another_version"}, ["of another version Found at 1 of 1 measurement: at step 10."]),
    ],
)
def test_the_ills_are_said_in_words(failures: dict[int, str | None], said: list[str], tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    replace_lines(run, *({"step": step, "fd": 40.0, "ill": ill} for step, ill in failures.items()))
    content = " ".join(re.sub("<[^>]+>", " ", str(diagnosis_section(read_training(run)).content)).split())
    for part in said:
        assert part in content


def test_every_failure_has_words(tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    replace_lines(run, *({"step": 10 + k, "fd": 40.0, "ill": mode.value} for k, mode in enumerate(FailureMode)))
    content = str(diagnosis_section(read_training(run)).content)
    assert content.count("It means that") == len(FailureMode)


def test_trainings_that_are_measured_alike_are_drawn_together(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    tree = check(page_of(training_of(tmp_path / "one"), training_of(tmp_path / "two")))
    (together,) = [one for one in elements(tree, "section") if one.get("id") == "together-trainings"]
    assert len([*elements(next(elements(together, "svg", "drawing")), "path", "line")]) == 2


def test_the_command_names_a_preset_where_it_is_one(tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    assert "ganetic train hinge --config settings.toml" in text_of(check(page_of(run)))
    from ganetic.training.config import configured

    metadata = json.loads((run / METADATA).read_text())
    config = configured("demo", seed=3, data="digits", classes="3,8")
    (run / METADATA).write_text(json.dumps({**metadata, "config": config.model_dump(mode="json")}))
    assert "ganetic train hinge --config demo --data digits --classes 3,8 --seed 3" in text_of(check(page_of(run)))


def test_the_page_does_not_tell_where_the_images_lie(tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    metadata = json.loads((run / METADATA).read_text())
    metadata["config"]["data"]["name"] = "folder:/home/somebody/scans?window=-1000,400"
    (run / METADATA).write_text(json.dumps(metadata))
    page = page_of(run)
    assert "somebody" not in page
    assert "folder:scans?window=-1000,400" in page


def test_the_page_holds_what_it_says_as_data(tree: Element) -> None:
    (data,) = [one for one in elements(tree, "script") if one.get("type") == "application/json"]
    record = json.loads(data.text or "")["r1"]
    assert record["status"] == "finished"
    assert [step for step, _ in record["trace"]] == list(STEPS)
    assert record["evaluations"]["evaluation"]["generated"] == 100_000


@pytest.mark.parametrize("text", TEXTS[:-1], ids=range(len(TEXTS) - 1))
def test_a_hostile_training_is_shown_as_it_stands(text: str, tmp_path: Path) -> None:
    run = training_of(tmp_path)
    metadata = json.loads((run / METADATA).read_text())
    metadata |= {"name": text, "data": text, "protocol": text, "made_with": {text: text}}
    metadata["config"]["description"] = text
    metadata["config"]["data"] |= {"name": text, "classes": [text, "3"]}
    (run / METADATA).write_text(json.dumps(metadata))
    add_lines(run, {"step": 30, text: 1.0, "ill": text, "fd": 30.0}, {"step": 30, "stopped": text})
    evaluation_in(run / "evaluation", generated=text, loss=text, data=text, made_with={text: text})
    tree = check(page_of(run))
    assert len([*elements(tree, "script")]) == 2
    assert len([*elements(tree, "img")]) == len(STEPS) + 1 + 2
    assert " ".join(text.split()) in text_of(tree)


def test_the_names_of_files_are_those_of_the_layers_below() -> None:
    from ganetic.evaluation.kept import KEPT
    from ganetic.report.web.kinds import evaluation, training

    assert training._METADATA == METADATA
    assert evaluation._KEPT == KEPT


@pytest.mark.parametrize(
    "name", ["training-1/finished", "training-1/killed", "training-2/finished", "training-2/killed"]
)
def test_trainings_of_every_format_have_a_page(name: str) -> None:
    check(page_of(RUNS / name))


def test_a_grid_of_another_size_is_cut_at_its_own_images(tmp_path: Path) -> None:
    run = training_of(tmp_path, samples=False)
    metadata = json.loads((run / METADATA).read_text())
    (run / METADATA).write_text(json.dumps({**metadata, "size": 128}))
    add_samples(run, 30, size=128)
    tree = check(page_of(run))
    assert "16 of the 64 images of each grid are shown." in text_of(tree)
    assert {picture(one).size for one in elements(tree, "img")} == {(522, 522)}
