"""The words that every stage speaks: values, seams and errors. Imports nothing but the standard library."""
