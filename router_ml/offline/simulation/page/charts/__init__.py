"""Charts of a simulation as SVG text: no library, no script, no network; text and lines take the page's colours."""
