"""The terminal screen of `foreshock top`."""
