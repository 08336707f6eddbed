def print_document(document: object, comments: object) -> str:
    return ""
