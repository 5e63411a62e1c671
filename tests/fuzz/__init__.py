"""Fuzzing of the decoders: valid payloads, and damage of which the outcome is known in part."""
