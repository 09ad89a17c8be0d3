"""The drawn dataset: jointed, clothed people on cluttered backgrounds with exact COCO annotations."""

from evopose2d.data.synthetic.dataset import write_synthetic_dataset

__all__ = ["write_synthetic_dataset"]
