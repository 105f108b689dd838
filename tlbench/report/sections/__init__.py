"""Sections of a report: each file turns results into tables, figures and sentences."""
