"""A real Prometheus for the tests, what it scrapes, and what it writes to."""
