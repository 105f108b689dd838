"""What ratios to scratch have to do with distances, coverage and structure."""
