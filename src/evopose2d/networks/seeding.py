"""Seeds of layers as pure functions of one seed and the layer's name.

So the same seed gives the same network in any process, whatever was built before, and layers of the same name
in related networks start alike.
"""

import keras
import numpy as np


def layer_seed(seed: int, name: str) -> int:
    """Return a layer's own seed, 0 .. 2**31 - 1.

    Args:
        seed: of the network, not negative.
        name: of the layer.
    """
    mixed = np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0]
    return int(mixed) >> 1  # some backends hold seeds as signed 32-bit integers


def reseed(model: keras.Model, seed: int) -> None:
    """Restart every random layer of a network from a seed.

    Called with a seed of the epoch at its start, it makes a resumed run draw what an unbroken one draws.

    Args:
        model: network whose dropout layers are given new states.
        seed: not negative.
    """
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([layer_seed(seed, layer.name), 0])
