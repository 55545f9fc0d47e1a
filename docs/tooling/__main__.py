"""Write the generated pages of docs/reference: ``python -m docs.tooling``."""

from docs.tooling.reference import write_pages

if __name__ == "__main__":
    write_pages()
