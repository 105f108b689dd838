"""What ratios to scratch go with: distances between data, coverage, structure."""
