"""Finished jobs on disk."""
