"""How the report of a backtest looks."""

from typing import Final

STYLE: Final = """
body { margin: 0; background: #f2f4f6; color: #0e1a24; font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 24px; }
h1 { margin: 0 0 4px; font-size: 26px; }
h2 { margin: 28px 0 8px; font-size: 19px; overflow-wrap: anywhere; }
h2 small { color: #56636e; font-weight: normal; }
section { background: #fff; border: 1px solid #e3e8ec; border-radius: 10px; padding: 4px 16px 12px; margin-top: 24px; }
section h2 { margin-top: 12px; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #e3e8ec; border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 8px; text-align: right; white-space: nowrap; border-bottom: 1px solid #e3e8ec; }
th { color: #56636e; font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
tbody tr:last-child td { border-bottom: 0; }
.better { color: #0b7a4b; }
.worse { color: #b3261e; font-weight: 600; }
.note { color: #56636e; font-size: 13px; }
"""
