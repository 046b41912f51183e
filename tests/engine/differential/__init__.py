"""Random streams through both engines: ``python -m tests.engine.differential``."""
