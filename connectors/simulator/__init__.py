"""Simulated metrics of three clouds, with labelled faults: nothing downstream knows of it."""
