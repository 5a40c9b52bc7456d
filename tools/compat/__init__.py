"""What official clients can do with a running server; `make compat` writes it down as a page of the documentation."""
