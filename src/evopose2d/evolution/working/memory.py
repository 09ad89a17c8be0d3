"""Giving back what a trained network took, so that a process can train many."""

import gc
import sys
from functools import cache


@cache
def spare_what_is_imported() -> None:
    """Let the garbage collector pass over all that this process holds so far: most of its time goes to the modules."""
    gc.freeze()


def release_networks() -> None:
    """Forget every network that this process has built; none may be in use any more.

    Keras's own ``clear_session`` would free no more, and takes TensorFlow's kernels with it: the next network then
    pays again for those that make each variable.
    """
    # TensorFlow registers the gradient of every swish under a name of its own, for ever, and with it the graph of
    # the network around it: some 30 MB for each network that was trained.
    ops = sys.modules.get("tensorflow.python.framework.ops")  # absent where the backend needs no TensorFlow
    registry = getattr(getattr(ops, "_gradient_registry", None), "_registry", {})
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]
    gc.collect()
