"""Exceptions that both sides of the interop tests know."""


class OutOfStock(Exception):
    def __init__(self, sku, left, more):
        super().__init__(sku, left, more)
