"""A PostgreSQL of its own for the tests, on loopback."""
