"""`make fuzz`: thousands of requests that nobody would send in earnest, to a real server of two workers.

Nothing of it may be answered with a 5xx, kill a worker, leak memory, or contradict /docs.json.
"""
