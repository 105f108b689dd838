"""What simulations found: stability, survival and structure of every arm."""
