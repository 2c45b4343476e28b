"""What training and serving must agree on: pictures, artifacts, the engine that runs them, and the errors.

Nothing here imports torch, bentoml or anything of HTTP; `make check` proves it.
"""
