"""What results say: sections of tables, figures and sentences, and what shows them."""
