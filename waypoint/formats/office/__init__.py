"""Documents, slides and sheets of office programs: OOXML, OpenDocument, RTF."""
