"""Pictures of pages as SVG text: colours and type come from classes, so that a page needs no inline style."""
