"""The stages of the pipeline: each composes the rooms below it and writes its outputs."""
