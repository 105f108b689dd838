"""What stands in a data set, and what is wrong with it."""
