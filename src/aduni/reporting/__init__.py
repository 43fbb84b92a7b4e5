"""Make tables, statistics, figures and a page of finished runs, without torch."""
