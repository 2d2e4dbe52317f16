"""What measures the figures in docs/performance.md: one make target each, a table, then one JSON object."""
