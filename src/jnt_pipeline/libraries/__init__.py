"""Large libraries, as this package loads them."""
