"""Makes the layers of a network that trains on a CPU."""

from evopose2d.networks.cpu_kernels.depthwise import DepthwiseConvolution
from evopose2d.networks.cpu_kernels.excitation import KernelExcitedConvolution
from evopose2d.networks.cpu_kernels.swish import XlaNormalisedSwish
from evopose2d.networks.layers import LayerFactory


class CpuLayerFactory(LayerFactory):
    """``LayerFactory`` with the layers of this folder in place of Keras's."""

    depthwise = DepthwiseConvolution
    excited = KernelExcitedConvolution
    swish = XlaNormalisedSwish
