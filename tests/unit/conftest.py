from tests.support.checked_books import every_book_is_checked

__all__ = ["every_book_is_checked"]
