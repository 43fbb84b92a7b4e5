"""From run folders to tables, statistics, figures and a page. Nothing is trained, and no torch."""
