"""Markdown and HTML, and what is made of them: books, mail, notebooks; XML in archives."""
