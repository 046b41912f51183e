"""Fuzzing of the pure layers: ``python -m fuzz``, or ``make fuzz``."""
