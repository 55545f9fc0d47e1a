import numpy as np
import torch

from ganetic.metrics.neighbours import distances, nearest, pixel_points


def test_neighbours_are_those_of_brute_force() -> None:
    random = np.random.default_rng(0)
    points, others = random.normal(size=(700, 6)), random.normal(size=(40, 6))
    expected = np.linalg.norm(points[:, None] - others[None], axis=2)
    assert np.allclose(distances(torch.tensor(points), torch.tensor(others)).numpy(), expected)
    found, which = nearest(torch.tensor(points), torch.tensor(others), 2)
    assert np.array_equal(which.numpy(), np.argsort(expected, axis=1)[:, :2])
    assert np.allclose(found.numpy(), np.sort(expected, axis=1)[:, :2])


def test_a_copy_has_no_distance_from_its_original() -> None:
    images = torch.randint(0, 256, (60, 48, 48, 3), generator=torch.Generator().manual_seed(0)).byte()
    points = pixel_points(images)
    assert points.shape == (60, 32 * 32 * 3)
    found, which = nearest(points[:9], points, 2)
    assert torch.equal(which[:, 0], torch.arange(9))
    assert float(found[:, 0].max()) < 1e-5 < float(found[:, 1].min())


def test_small_images_keep_every_pixel() -> None:
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1)
    assert torch.equal(pixel_points(image), torch.arange(256.0).view(1, -1) / 255)
