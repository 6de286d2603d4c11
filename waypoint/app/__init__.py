"""The app: puts the parts together. The only room that knows every adapter."""
