"""What depends on the number of updates: whether errors are converged, and what that allows."""
