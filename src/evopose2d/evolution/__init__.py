"""The neuroevolution search: its sampler, its driver, its workers."""
