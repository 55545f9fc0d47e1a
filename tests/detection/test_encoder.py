import pytest
import torch

from ganetic.callbacks import ProgressCallback, TrainingProgress
from ganetic.config import validate
from ganetic.detection.codes import Styled, code_space
from ganetic.detection.detector import fit_detector
from ganetic.detection.encoder import Encoder, EncoderConfig, initialise
from ganetic.errors import UserError
from tests.detection.gans import SIZES, noise, untrained

QUICK = EncoderConfig(steps=2, batch=4, width=2)


@pytest.mark.parametrize("size", [8, 9, 28, 31, 32, 33, 100])
def test_images_of_any_size_become_codes(size: int) -> None:
    encoder = Encoder(size, 1, 7, 2)
    initialise(encoder, torch.Generator().manual_seed(0))
    images = torch.rand(3, 1, size, size, generator=torch.Generator().manual_seed(1))
    codes = encoder(images)
    assert codes.shape == (3, 7)
    torch.testing.assert_close(encoder(images[1:2]), codes[1:2])


@pytest.mark.parametrize("model", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_model_is_fitted_and_learns(model: str, channels: int) -> None:
    gan, images = untrained(model, channels), noise(26, SIZES[model], channels)
    before = {name: tensor.clone() for name, tensor in gan.generator.state_dict().items()}
    first, second = (
        fit_detector(gan, images[:16], images[16:], QUICK.model_copy(update={"steps": steps})) for steps in (1, 25)
    )
    losses = [detector.raw(images[:16]) for detector in (first, second)]
    total = [loss["residual"].mean() + loss["features"].mean() for loss in losses]
    assert total[1] < total[0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in gan.generator.state_dict().items())


@pytest.mark.parametrize("model", ["mlp", "msg-gan"])
def test_codes_begin_at_the_middle_of_latent_space(model: str) -> None:
    space = code_space(untrained(model).generator, 5)
    assert space.centre.tolist() == [0.0] * 5
    assert space.scale == 1


def test_codes_of_stylegan2_are_styles() -> None:
    generator = untrained("stylegan2").generator
    assert isinstance(generator, Styled)
    space = code_space(generator, 5)
    latents = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    styles = generator.styles(latents)
    held = torch.zeros(3, 5)
    made = space.render(styles[:, 0])
    assert isinstance(made, torch.Tensor)
    assert torch.equal(made, generator.rendered(styles, held))
    apart = generator.styles(torch.randn(2000, 5, generator=torch.Generator().manual_seed(2)))[:, 0]
    torch.testing.assert_close(space.centre, apart.mean(0), atol=0.1, rtol=0)
    assert space.scale == pytest.approx(float(apart.std(0).mean()), rel=0.1)
    codes = styles[:, 0].clone().requires_grad_()
    again = space.render(codes)
    assert isinstance(again, torch.Tensor)
    again.sum().backward()  # type: ignore[no-untyped-call]
    assert codes.grad is not None and bool((codes.grad != 0).all())


def test_it_is_told_where_it_stands() -> None:
    class Told(ProgressCallback[TrainingProgress]):
        def __init__(self) -> None:
            self.steps: list[tuple[int, int, int]] = []

        def update(self, progress: TrainingProgress) -> None:
            self.steps.append((progress.step, progress.steps, progress.images))

    told, images = Told(), noise(26)
    fit_detector(untrained(), images[:16], images[16:], QUICK, callback=told)
    assert told.steps == [(1, 2, 4), (2, 2, 4)]


def test_a_loss_that_does_not_stay_finite_is_one_line() -> None:
    gan, images = untrained(), noise(26)
    with torch.no_grad():
        gan.discriminator.get_parameter("layers.0.weight").fill_(1e30)
    with pytest.raises(UserError, match=r"the encoder's loss is (inf|nan) at step 1; lower learning_rate"):
        fit_detector(gan, images[:16], images[16:], QUICK)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stps": 3}, 'unknown key "stps"; expected one of .*did you mean "steps"'),
        ({"steps": 0}, "options: steps is '0': Input should be"),
        ({"batch": 1}, "options: batch is '1': Input should be"),
        ({"learning_rate": 0}, "options: learning_rate is '0': Input should be"),
        ({"kappa": -1}, "options: kappa is '-1': Input should be"),
        ({"kappa": float("nan")}, "options: kappa is 'nan': Input should be"),
        ({"width": 0}, "options: width is '0': Input should be"),
    ],
)
def test_wrong_settings_are_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        validate(given, EncoderConfig, "options")
