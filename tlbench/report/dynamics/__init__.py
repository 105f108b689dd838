"""What simulations found, for the report."""
