"""Simulated years of incidents with oddities whose truth is known, and how the review does."""
