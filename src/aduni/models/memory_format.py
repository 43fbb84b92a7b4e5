"""Choose the memory format in which a backbone computes fastest on a CPU."""

CHANNELS_LAST_FROM = {"efficientnet": 0, "resnet18": 96, "resnet34": 96}
"""Image side, in pixels, from which channels-last is faster, by a part of the backbone's name."""

OTHERS_FROM = 64
"""That of all other backbones; docs/performance.md has the times, of float32."""


def is_channels_last(name: str, image_size: int) -> bool:
    """Return whether a backbone is to compute with channels last in memory."""
    sides = (side for family, side in CHANNELS_LAST_FROM.items() if family in name)
    return image_size >= next(sides, OTHERS_FROM)
