"""What a potential for somebody's own data should start from: candidates, a plan, its answer."""
