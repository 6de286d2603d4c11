"""PDF: from glyphs on a page to lines, paragraphs and tables."""
