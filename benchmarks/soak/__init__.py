"""Does the service hold, whatever comes? Every row of the reliability targets, with real processes.

Run with `make soak`, or for the whole half hour of overload `make soak MINUTES=30`. tests/faults/ runs the
same rows for seconds.
"""
