"""A wire format a file: pure decoders from bytes to columns."""
