"""The promises of a finished run, checked anew from nothing but its files."""
