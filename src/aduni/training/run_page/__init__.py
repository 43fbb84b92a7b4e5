"""Pictures of a run, and the page that shows them with its model card."""
