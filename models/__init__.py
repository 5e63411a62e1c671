"""The mathematics: no I/O, no Bytewax, no clock."""
