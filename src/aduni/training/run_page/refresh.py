"""Write the card and the page of a finished run again, after something was added to it."""

import logging

from aduni.errors import warn
from aduni.results.model_card.card import write_card
from aduni.results.model_card.run_data import read_finished
from aduni.results.run_folder import RunFolder
from aduni.training.run_page.page import write_run_page

log = logging.getLogger(__name__)


def refresh_card(folder: RunFolder) -> None:
    """Write model_card.md, and index.html if it is there, from the files of the run's folder.

    A folder without a card, such as that of a checkpoint that was moved, gets none. A failure is a
    warning: what was added is stored already.
    """
    needed = (folder.card, folder.metrics, folder.predictions, folder.split, folder.config)
    if not all(file.is_file() for file in needed):
        return
    try:
        content = read_finished(folder)
        write_card(content, folder)
    except Exception as error:
        warn(log, f"{folder.card} could not be written again: {error}")
        return
    if folder.page.is_file():
        write_run_page(folder, content.metrics)
