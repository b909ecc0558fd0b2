"""Setting features: what is looked at before, the command as a journalled step, and what is so after."""
