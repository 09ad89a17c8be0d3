"""How every network sees images: ImageNet's mean taken off, divided by its standard deviation."""

IMAGE_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
"""Of ImageNet's red, green and blue, 0..255."""

IMAGE_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""Standard deviation of ImageNet's red, green and blue, 0..255."""
