"""What a plan amounts to: its figures, ``report.html``, and plans side by side."""
