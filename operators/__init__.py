"""The steps of the dataflow, one a file, in the order in which data meets them."""
