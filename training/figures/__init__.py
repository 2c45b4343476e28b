"""Every plot of the project: functions from data to a matplotlib Figure, and the gallery that calls them.

Nothing here uses pyplot: figures are plain objects without global state, drawn without a screen.
"""
