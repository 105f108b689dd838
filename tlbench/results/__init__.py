"""What a run found: one schema per file."""
