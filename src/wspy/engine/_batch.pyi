from ._blocks import Blocks

stamp: str

class Batch:
    blocks: Blocks
