"""The settings loader and the shipped YAML."""
