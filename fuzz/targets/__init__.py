"""What is fuzzed: each module's ``run(data)`` raises if something is wrong, and only then."""
