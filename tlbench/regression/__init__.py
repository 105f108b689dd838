"""Whether results are those of before: two runs compared, and a run checked against a baseline."""
