"""Softmax with a loss for grades (Galdran et al. 2020)."""

from aduni.methods.softmax import Softmax


class GradedSoftmax(Softmax):
    """`Softmax` with a loss that depends on the order of the classes; refused for other classes."""

    needs_grades = True
