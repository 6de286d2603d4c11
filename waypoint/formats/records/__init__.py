"""Files of records: tables of text, JSON and JSON Lines."""
