"""From a suite to the grid of its models and the plan of their jobs."""
