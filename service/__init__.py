"""The service: fashion's models behind HTTP, on BentoML. May import fashion; never training, so never
torch."""
