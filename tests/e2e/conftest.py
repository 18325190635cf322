from tests.support.floor import floor

__all__ = ["floor"]
