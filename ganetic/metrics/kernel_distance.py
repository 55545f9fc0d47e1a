"""The kernel distance of features, which in InceptionV3's is KID: unlike the Fréchet distance unbiased at any N."""

from torch import Tensor

SUBSET = 1000
SUBSETS = 100


def kernel_distance(generated: Tensor, real: Tensor) -> float:
    """Return the squared maximum mean discrepancy under the kernel (x·y/F + 1)³, by torch-fidelity.

    Bińkowski et al., Demystifying MMD GANs, https://arxiv.org/abs/1801.01401: the mean over 100 random subsets of 1,000
    images; with 1,000 images or fewer, once over as many of both as there are of the fewer. May be slightly negative.

    Args:
        generated: float ``(N, F)``, N ≥ 2.
        real: float ``(M, F)``, M ≥ 2.
    """
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric  # noqa: PLC0415  (seconds)

    size = min(SUBSET, len(generated), len(real))
    whole = size == len(generated) == len(real)
    found = kid_features_to_metric(
        generated.double(),
        real.double(),
        kid_subsets=1 if whole else SUBSETS,
        kid_subset_size=size,
        rng_seed=0,
        verbose=False,
    )
    return float(found[KEY_METRIC_KID_MEAN])


class KernelParts:
    """What the kernel distance of parts of the generated images is summed from.

    Args:
        generated: float ``(N, F)``.
        real: float ``(M, F)``, M ≥ 2.
    """

    def __init__(self, generated: Tensor, real: Tensor) -> None:
        self._generated = _kernel(generated, generated)
        self._between = _kernel(generated, real).mean(1)
        self._real = _mean_of_pairs(_kernel(real, real))

    def distance(self, members: Tensor) -> float:
        """Return the unbiased distance between the images at indices ``(n,)``, n ≥ 2, and all real images."""
        own = _mean_of_pairs(self._generated[members][:, members])
        return own + self._real - 2 * float(self._between[members].mean())


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first.double() @ second.double().T / first.shape[1] + 1) ** 3


def _mean_of_pairs(kernel: Tensor) -> float:
    count = len(kernel)
    return float(kernel.sum() - kernel.trace()) / (count * (count - 1))
