"""Whether a search finds anything: the ground truth of many trainings in full, and judges that hold searches to it."""
