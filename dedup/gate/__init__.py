"""The gate for CI: what is found is measured against limits, and what is new against a baseline."""
