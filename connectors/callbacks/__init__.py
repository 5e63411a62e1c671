"""What people answer from where they were told: a provider a file, verified before it counts."""
