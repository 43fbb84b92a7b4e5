"""Number the groups that links between pairs make."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def connected_groups(first: Ints, second: Ints, count: int) -> Ints:
    """Return (count,) numbers from 0 of the groups that links between two (m,) positions make."""
    from scipy.sparse import coo_array  # takes a third of a second
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(edges, directed=False)[1], dtype=np.int64)
