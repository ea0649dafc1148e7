"""What a cluster wrote, put together again as a local run would have left it."""
