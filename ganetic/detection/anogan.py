"""The terms of f-AnoGAN: Schlegl et al., f-AnoGAN, Medical Image Analysis 54, 2019, https://doi.org/10.1016/j.media.2019.01.010.

An encoder E learns to invert a generator G that made nothing but normal images: of equation 4 there, the loss izi_f is
‖x − G(E(x))‖² / n + κ · ‖f(x) − f(G(E(x)))‖² / n_d, with f a layer of the discriminator, n pixels and n_d features. An
image that cannot be made again is not normal: equation 6 scores it by the same sum.
"""

from torch import Tensor

from ganetic.gan.step import Images


def residuals(images: Images, made: Images) -> Tensor:
    """Return ‖x − G(E(x))‖² / n of each image, ``(N,)``; of a pyramid the mean over its scales.

    Args:
        images: ``(N, C, H, W)``, or a pyramid of them.
        made: what the generator made of them, of the same shapes.
    """
    if not isinstance(images, tuple) or not isinstance(made, tuple):
        assert isinstance(images, Tensor) and isinstance(made, Tensor)
        return distances(images, made)
    scales = [distances(image, other) for image, other in zip(images, made, strict=True)]
    return sum(scales[1:], scales[0]) / len(scales)


def distances(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared difference of each of ``(N, …)``, ``(N,)``."""
    return (one - other).square().flatten(1).mean(1)


def izi_f(residual: Tensor, feature_distance: Tensor, kappa: float) -> Tensor:
    """Return the encoder's loss over a batch, a scalar.

    Args:
        residual: of each image, ``(N,)``.
        feature_distance: ‖f(x) − f(G(E(x)))‖² / n_d of each image, ``(N,)``.
        kappa: weight of the features.
    """
    return residual.mean() + kappa * feature_distance.mean()
