"""SQL of the queue: what delivery does many times a second, and what operators do."""
