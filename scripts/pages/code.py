"""What the source says of itself: constant calls and texts, read from its syntax without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/foreroute"


def trees(*under: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every file of the package, or of some of its rooms, in the order of their names."""
    for folder in (SOURCE / one for one in under or (".",)):
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of a function or class by its plain name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def constant(node: ast.expr) -> str:
    """The text of a literal; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def texts(node: ast.expr) -> tuple[str, ...]:
    """The texts of a literal tuple."""
    return tuple(map(constant, node.elts)) if isinstance(node, ast.Tuple) else ()


def table(*headings: str) -> str:
    return f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}\n"


def row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |\n"


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    kept = "".join(sign for sign in heading.lower().strip() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")
