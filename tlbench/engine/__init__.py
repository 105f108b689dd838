"""Running jobs: the store of finished work, the runner, executors and provenance."""
