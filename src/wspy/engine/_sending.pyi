from collections.abc import Callable

new_masking_keys: Callable[[int], bytes]

def forget_keys() -> None: ...
