"""A search's view in MLflow."""
