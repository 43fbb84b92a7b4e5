"""Audit images from Python."""

import os
from typing import Any

from aduni.api.composition import composed
from aduni.api.images_table import Data, with_data
from aduni.auditing.audit_settings import read_audit_settings
from aduni.auditing.report import audit as audit_data


def audit(
    data: Data, *, output: str | os.PathLike[str] | None = None, **settings: Any
) -> list[str]:
    """Check all images, and look for copies, leaks and shortcuts; return what was found.

    It does what the command `audit` does, and prints the same.

    Args:
        data: as `aduni.train` takes it.
        output: folder of page, lists and contact sheets; None for outputs/audit/TITLE.
        settings: any other key of the command, such as `split=` or `dataset={"image_size": 64}`.

    Returns:
        A sentence for each finding in the images, their copies and their split.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    named = {} if output is None else {"output": output}
    overrides = with_data(data, {**named, **settings})
    with composed("audit", overrides) as config:
        checked = read_audit_settings(config, overrides)
        found = audit_data(checked.build_data(), output=checked.output, split=checked.split or ())
    return found
