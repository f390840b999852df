"""What this library costs, beside its peers and the floors below all of them: `python -m benchmarks`.

docs/performance.md says how to run them, how to read them and what they don't claim.
"""
