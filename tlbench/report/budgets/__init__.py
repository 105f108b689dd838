"""What depends on the number of updates: whether errors are converged, and so what may be claimed."""
