"""The Open Inference Protocol, version 2, under /v2: the same models, asked with named tensors instead of
pictures and options.

`messages` is what the protocol writes, `tensors` how its tensors travel, `models` which names there are and
what they run, `endpoints` answers, `document` tells it to OpenAPI (docs/decisions/0301).
"""
