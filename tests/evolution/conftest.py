"""The search is not finished: tests of its real workers join the suite when it is."""

collect_ignore = ["test_faults.py", "test_individual.py", "test_ray_engine.py"]
