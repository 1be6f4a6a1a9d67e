"""The faces of the ABI: readers of the one description, and a writer for each door.

header.py and rows.py read; every other module writes one kind of file from what they read. gen.py
is the only caller."""
