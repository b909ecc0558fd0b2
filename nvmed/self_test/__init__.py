"""Self-tests of drives: started, watched to their end whatever daemon sees it, and aborted."""
