"""Tests of the callbacks, by mirror of `connectors/callbacks`."""
