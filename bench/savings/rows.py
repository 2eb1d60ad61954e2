def rows(a,b): return []
