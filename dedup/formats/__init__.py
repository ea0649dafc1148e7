"""The file formats: what a name says, how compressed bytes are read, and one module for each way to hold documents."""
