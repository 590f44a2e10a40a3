"""Training images bent a little, each in its own way and anew every time they are seen.

Rotation, size, slant and shift change a whole image; an elastic deformation (Simard, Steinkraus &
Platt 2003) moves each part of it by itself, as a hand does that writes the same digit twice.
"""

import tensorflow as tf

from tf_lstm.rows import SIZE

# Largest rotation (radians), change of width and of height (their logarithms), slant, shift to the
# right and down (pixels); then the standard deviation of the elastic deformation to the side and
# down (pixels).
LIMITS = {
    "bend": (0.2, 0.12, 0.12, 0.2, 2.0, 2.0, 1.0, 1.0),
    # MNIST's digits are centred and fitted to one size. Left so, the first rows tell a network how
    # much is still to come.
    "bend in place": (0.2, 0.12, 0.0, 0.2, 0.0, 0.0, 1.0, 0.5),
}
KNOTS = 5  # the elastic deformation is drawn at 5 × 5 points and smooth between them


def bend(images, limits, seed):
    """Bend each image in a way of its own.

    Args:
        images: (batch, 28, 28) uint8.
        limits: one of `LIMITS`.
        seed: (2,) integers; the same seed bends in the same ways.

    Returns:
        (batch, 28, 28) float32, pixels from 0 to 255.
    """
    *largest, elastic_x, elastic_y = limits
    batch = tf.shape(images)[0]
    drawn = tf.constant(largest) * tf.random.stateless_uniform((batch, 6), seed, -1, 1)
    angle, log_x, log_y, slant, shift_x, shift_y = (
        column[:, tf.newaxis, tf.newaxis] for column in tf.unstack(drawn, axis=1)
    )
    elastic_seed = tf.random.experimental.stateless_fold_in(seed, 1)
    knots = tf.random.stateless_normal((2 * batch, KNOTS**2), elastic_seed)
    # What each point moves, by how much: interpolating is linear, so this serves all images.
    single_knots = tf.reshape(tf.eye(KNOTS**2), (-1, KNOTS, KNOTS, 1))
    surroundings = tf.reshape(
        tf.image.resize(single_knots, (SIZE, SIZE), "bicubic"), (KNOTS**2, -1)
    )
    field_x, field_y = tf.split(tf.reshape(knots @ surroundings, (-1, SIZE, SIZE)), 2)

    # Where each pixel of the bent image comes from, seen from the middle: each (batch, 28, 28).
    x = tf.range(SIZE, dtype=tf.float32) - (SIZE - 1) / 2
    y = x[:, tf.newaxis]
    sine, cosine = tf.sin(angle), tf.cos(angle)
    from_x = tf.exp(log_x) * (cosine * x + (slant * cosine - sine) * y)
    from_y = tf.exp(log_y) * (sine * x + (slant * sine + cosine) * y)
    return interpolate(
        images,
        from_x + shift_x + elastic_x * field_x + (SIZE - 1) / 2,
        from_y + shift_y + elastic_y * field_y + (SIZE - 1) / 2,
    )


def interpolate(images, x, y):
    """Pixels at fractional places, bilinearly; around an image everything is 0.

    Args:
        images: (batch, 28, 28) uint8.
        x, y: (batch, 28, 28) float32, columns and rows.

    Returns:
        (batch, 28, 28) float32.
    """
    width = SIZE + 2  # with a border of zeros
    pixels = tf.pad(tf.cast(images, tf.float32), [[0, 0], [1, 1], [1, 1]])
    x, y = (tf.clip_by_value(place + 1, 0, width - 1.001) for place in (x, y))
    left, top = tf.floor(x), tf.floor(y)
    right_share, bottom_share = x - left, y - top
    first = tf.range(tf.shape(images)[0])[:, tf.newaxis, tf.newaxis] * width**2
    corner = first + tf.cast(top * width + left, tf.int32)
    flat = tf.reshape(pixels, [-1])
    above = tf.gather(flat, corner), tf.gather(flat, corner + 1)
    below = tf.gather(flat, corner + width), tf.gather(flat, corner + width + 1)
    upper, lower = (one + right_share * (other - one) for one, other in (above, below))
    return upper + bottom_share * (lower - upper)
