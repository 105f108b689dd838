"""What a potential for one's own data should start from: candidates, a plan, its answer."""
