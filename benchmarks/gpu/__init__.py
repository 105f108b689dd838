"""Is tlbench right and fast on one GPU? ``PYTHONPATH=benchmarks python -m gpu --out FOLDER``."""
