"""The plan is walked, and what happens is logged."""
