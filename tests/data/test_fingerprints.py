import hashlib

import numpy as np

from ganetic.data.fingerprints import fingerprints


def test_a_fingerprint_is_the_digest_of_shape_and_pixels() -> None:
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    wanted = hashlib.sha256(b"(4, 4, 1)" + images[1].tobytes()).digest()[:8]
    assert fingerprints(images)[1] == int.from_bytes(wanted, "little", signed=True)


def test_equal_images_alone_have_equal_fingerprints() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), dtype=np.uint8)
    known = fingerprints(images)
    assert known.dtype == np.int64 and len(set(known.tolist())) == 40
    np.testing.assert_array_equal(fingerprints(images[::-1]), known[::-1])
    changed = images.copy()
    changed[7, 0, 0, 0] ^= 1
    assert np.flatnonzero(fingerprints(changed) != known).tolist() == [7]
    flat = fingerprints(images.reshape(40, 3, 12, 3))
    assert not np.isin(flat, known).any()


def test_of_no_images_there_are_none() -> None:
    assert fingerprints(np.empty((0, 4, 4, 1), np.uint8)).shape == (0,)
