"""The OpenAPI document, with what each endpoint takes and answers."""
