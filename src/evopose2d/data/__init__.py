"""From COCO files to batches of crops and keypoints."""
