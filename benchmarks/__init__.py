"""The service beside its peers: same machine, same model, same preparation, same answer, one run.

`python -m benchmarks` starts each server in turn and drives it with wrk; docs/benchmarks.md says how to read
what it prints. Nothing here is installed or imported by the service.
"""
