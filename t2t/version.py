"""The version, alone in a file so that it can be read without importing the package.

Floor 0.

>>> VERSION.count(".")
2
"""

__all__ = ["VERSION"]

VERSION = "0.1.0"
