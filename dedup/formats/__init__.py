"""The file formats: what names say, compression, and a module for each way to hold documents."""
