"""How fast an exchange is on the machine at hand, and what it takes."""
