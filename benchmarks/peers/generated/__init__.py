"""What openapi-python-client 0.29 generates for the Tasks API, cut down to what a listing uses.

Every field, every `from_dict` and the imports inside them stand as generated: they cost time at each call.
Left out: `to_dict`, item access, docstrings, and the models of other calls.
"""
