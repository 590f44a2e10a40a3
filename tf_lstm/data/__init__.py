"""MNIST and data in its format: loading, rendering, augmentation, photos."""
