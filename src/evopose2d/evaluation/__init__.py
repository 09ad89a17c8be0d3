"""From a trained network to COCO's figures: inference, scores, suppression, results, AP."""
