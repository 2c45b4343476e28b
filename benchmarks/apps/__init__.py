"""The peers: each a small server around the same classifier, set up as its own documentation advises."""
