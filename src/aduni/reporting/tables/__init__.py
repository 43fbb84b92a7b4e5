"""Tables of methods: their definitions, their cells, and the formats they are written in."""
