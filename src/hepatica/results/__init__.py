"""What a segmentation says: numbers, tables, reports, pictures."""
