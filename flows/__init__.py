"""What runs: each file builds one dataflow from settings, sources and sinks."""
