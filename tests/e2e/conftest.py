from tests.support.floor import floor, shared_floor

__all__ = ["floor", "shared_floor"]
