"""The connection catalog: rows (`data/`), their typed model, deployments, `resolve`, and the views made of them."""
