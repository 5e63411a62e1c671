"""What the flow costs, measured; `make bench` runs the main table."""
