"""A pytest plugin for `make fuzz`: property tests with many more examples, and no deadline."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz", max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck)
)
