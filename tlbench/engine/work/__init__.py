"""Jobs are done in supervised processes."""
