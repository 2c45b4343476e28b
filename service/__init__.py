"""The service: fashion's models behind HTTP, on BentoML. May import fashion; never training, so never
torch."""

import os

# Every core has a worker of its own, and numpy's products are small here: threads of its own would mostly
# wait for each other. It reads this once, when it is imported for the first time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
