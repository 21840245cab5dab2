"""How the pages write days and moments, by language."""
