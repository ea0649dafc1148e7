"""The statistics of a plan as one self-contained HTML page."""
