"""`make bench`."""

from benchmarks.flow import main

main()
