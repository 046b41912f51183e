"""Fuzzing of the pure layers and of the compiled engine: ``python -m fuzz``, or ``make fuzz``."""
