"""What is stored already, on disk, for crawls that bring new articles every day and for pipelines that never end."""
