from pathlib import Path

import pytest

from ganetic.errors import UserError
from ganetic.shipped import shipped_presets
from ganetic.training.config import TrainConfig, configured, load_config, overridden, scales_of
from ganetic.training.memory import estimate
from tests.training.full.conftest import tiny


@pytest.mark.parametrize("name", shipped_presets())
def test_presets_can_be_trained(name: str) -> None:
    config = load_config(name)
    assert config.description
    assert config.data.size is not None
    scales = scales_of(config, config.data.size)
    assert scales[-1] == config.data.size
    assert config.model.model_dump().get("attention", scales[-1]) in scales


def test_every_preset_is_documented() -> None:
    sizes = (128, 256, 64)
    assert list(shipped_presets()) == [
        "dcgan-32",
        "demo",
        "msg-sagan-32",
        "small",
        *(f"xray-{n}{end}" for n in sizes for end in ("-ada", "")),
    ]
    root = Path(__file__).parents[3]
    text = "".join(page.read_text("utf-8") for page in (root / "README.md", *root.glob("docs/**/*.md")))
    assert all(f"`{name}`" in text for name in shipped_presets())


@pytest.mark.parametrize("name", [name for name in shipped_presets() if name.endswith("-ada")])
def test_settings_for_small_sets_are_the_paper_s(name: str) -> None:
    config = load_config(name)
    side = config.data.size
    assert side is not None
    assert config.batch == min(4096 // side, 32)
    assert config.model.model_dump()["width"] == 16384 // side
    images = 10_000 * config.batch / 32
    assert config.ema_decay ** (images / config.batch) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepz = 3\nsteps = 3\n[model]\nname = 'mlp'", 'unknown key "stepz"; expected one of .*did you mean "steps"'),
        ("steps = 3\n[model]\nname = 'mpl'", 'unknown model "mpl"'),
        ("steps = 3\n[model]\nname = 'mlp'\nattention = 8", '"attention" means nothing to mlp'),
        ("steps = 3", 'key "model" is missing'),
        ("steps = 0\n[model]\nname = 'mlp'", "steps is '0'"),
        ("steps = 3\n[model]\nname = 'mlp'\n[data]\naugmentation = ['flop']", 'did you mean "flip"'),
        ("steps = 3\n[model]\nname = 'mlp'\n[augmentation]\nprofile = 'x-ray'", 'did you mean "xray"'),
        ("steps = 3\n[model]\nname = 'mlp'\n[regulariser]\nr1 = 1\ngradient_penalty = 1", "exclude each other"),
        (
            "steps = 3\n[model]\nname = 'mlp'\n[regulariser]\nr1_every = 16",
            "regulariser is .*r1_every is 16, but r1 is 0",
        ),
        ("steps = 3\n[model]\nname = 'mlp'\n[regulariser]\npath_lenght = 2", 'did you mean "path_length"'),
        ("steps = [", "not valid TOML"),
        ("steps = 3\nkeep = 1\nkeep_last = 1", '"keep" is the old name of "keep_last", and both are given'),
    ],
)
def test_a_bad_configuration_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"my\.toml: .*{said}"):
        load_config(path)


OLD_NAMES = {
    "ema_decay =": "average =",
    "keep_last =": "keep =",
    "eval_images =": "measured =",
    "[optimizer]": "[optimiser]",
    "generator_lr =": "generator_rate =",
    "discriminator_lr =": "discriminator_rate =",
}


@pytest.mark.parametrize("name", shipped_presets())
def test_a_file_may_give_old_names(name: str, tmp_path: Path) -> None:
    text = shipped_presets()[name].read_text(encoding="utf-8")
    for new, old in OLD_NAMES.items():
        assert new in text
        text = text.replace(new, old)
    (tmp_path / "old.toml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "old.toml") == load_config(name)


def test_the_command_line_wins() -> None:
    config = tiny("msg-sagan")
    changed = overridden(config, {"data.size": 16, "steps": 7, "batch": None, "data.classes": ("1",)})
    assert (changed.data.size, changed.steps, changed.batch, changed.data.classes) == (16, 7, 8, ("1",))
    assert changed.model == config.model


def test_another_model_keeps_what_means_the_same() -> None:
    changed = overridden(tiny("msg-sagan"), {"model.name": "dcgan"})
    assert changed.model.model_dump(exclude_none=True) == {
        "name": "dcgan",
        "width": 32,
        "latent": 8,
        "batch_norm": True,
        "spectral_norm": False,
    }
    assert overridden(tiny("mlp"), {"model.name": "mlp"}) == tiny("mlp")
    plain = tiny("msg-sagan", nets={"batch_norm": True, "pixel_norm": False, "equalised": False})
    other = overridden(plain, {"model.name": "msg-gan"}).model
    assert other.model_dump(exclude={"name", "attention"}) == plain.model.model_dump(exclude={"name", "attention"})


def test_a_resolved_configuration_reads_back_equal() -> None:
    config = load_config("xray-64")
    assert TrainConfig.model_validate(config.model_dump(mode="json")) == config


def test_the_estimate_grows_with_the_batch_and_counts_every_copy_of_the_weights() -> None:
    small, large, largest = (estimate(tiny("msg-gan", batch=batch), 32, 1) for batch in (8, 16, 24))
    grown = large.activation_bytes - small.activation_bytes
    assert largest.activation_bytes - large.activation_bytes == pytest.approx(grown, rel=0.01)
    # What does not grow are the weights that are scaled at run time, once for each pass of a net at most.
    scaled = 4 * (2 * small.generator_parameters + 4 * small.discriminator_parameters)
    assert 0 <= small.activation_bytes - grown <= scaled
    assert small.state_bytes == 20 * small.generator_parameters + 16 * small.discriminator_parameters
    # A hidden layer of a batch alone: 4 bytes a value, of two images, kept once by G.
    assert small.activation_bytes > 4 * 8 * 32 * 32 * 4


def test_other_images_than_the_profile_was_chosen_for_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ganetic")
    configured("small")
    configured("small", data="histology")
    configured("demo", data="mnist5k")
    assert not caplog.messages
    assert configured("small", data="mnist5k").augmentation.profile == "histology"
    (said,) = caplog.messages
    assert said.startswith('augmentation keeps to profile "histology", chosen for histology; ')
    assert said.endswith(": xray, histology, fundus, natural")
