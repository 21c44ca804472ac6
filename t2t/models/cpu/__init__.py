"""What is hand-written for speed on a CPU: element-wise kernels, products of repeating shapes, dropout by a hash.

Floor 4, below the families. All of it is off with ``plain``, and equal to PyTorch's own (tests/test_ops.py).
"""
