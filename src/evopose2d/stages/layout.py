"""Where stages put what they make; ``dvc.yaml`` names the same places."""

from pathlib import Path

MODEL = Path("models/pose")
CHECKPOINTS = Path("checkpoints/train")
TRAIN_REPORT = Path("reports/train")
VALIDATE_REPORT = Path("reports/validate")
RESULTS = Path("results")
