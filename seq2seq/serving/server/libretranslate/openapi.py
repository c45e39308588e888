"""The description of LibreTranslate's paths, as OpenAPI 3: https://spec.openapis.org/oas/v3.0.3."""

from typing import Any

TEXT = {"type": "string"}
TEXTS = {"oneOf": [TEXT, {"type": "array", "items": TEXT}]}
DETECTION = {
    "type": "object",
    "properties": {
        "confidence": {"type": "number", "minimum": 0, "maximum": 100},
        "language": TEXT,
    },
}
LANGUAGE = {"type": "object", "properties": {"code": TEXT, "name": TEXT}}
TRANSLATION = {
    "type": "object",
    "required": ["translatedText"],
    "properties": {
        "translatedText": TEXTS,
        "detectedLanguage": {
            "description": "with source=auto",
            "oneOf": [DETECTION, {"type": "array", "items": DETECTION}],
        },
        "alternatives": {
            "description": "with alternatives above 0; empty for html",
            "type": "array",
            "items": TEXTS,
        },
    },
}
LANGUAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            **{"code": TEXT, "name": TEXT},
            "targets": {"type": "array", "items": TEXT},
        },
    },
}
SETTINGS = {
    "type": "object",
    "properties": {
        **{"charLimit": {"type": "integer"}, "frontendTimeout": {"type": "integer"}},
        **{"apiKeys": {"type": "boolean"}, "keyRequired": {"type": "boolean"}},
        **{"suggestions": {"type": "boolean"}, "filesTranslation": {"type": "boolean"}},
        "supportedFilesFormat": {"type": "array", "items": TEXT},
        "language": {"type": "object", "properties": {"source": LANGUAGE, "target": LANGUAGE}},
    },
}
ERROR = {"type": "object", "required": ["error"], "properties": {"error": TEXT}}
ERRORS = {
    "400": "a field is missing or wrong, or a language is not known here",
    "403": "the host, the page or the key is not allowed",
    "429": "too many requests of one client",
    "503": "too many requests wait, or no model is loaded yet",
    "504": "the translation took too long",
}
KEY = {"api_key": {**TEXT, "description": "where the server asks for one"}}
Q = {"q": {**TEXTS, "description": "a text, or several"}}
TRANSLATE = {
    **Q,
    "source": {**TEXT, "example": "en", "description": "a language, or auto"},
    "target": {**TEXT, "example": "de"},
    "format": {**TEXT, "enum": ["text", "html"], "default": "text"},
    "alternatives": {"type": "integer", "minimum": 0, "default": 0},
    **KEY,
}


def describe() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "LibreTranslate's API, served by seq2seq",
            "version": "1",
        },
        "paths": {
            "/translate": _post("Translate texts", TRANSLATE, TRANSLATION, "q", "source", "target"),
            "/detect": _post(
                *("Detect the language of texts", {**Q, **KEY}),
                *({"type": "array", "items": DETECTION}, "q"),
            ),
            "/languages": _get("The languages, and what each can be translated to", LANGUAGES),
            "/frontend/settings": _get("What a page should offer", SETTINGS),
            "/health": _get(
                "Whether it answers", {"type": "object", "properties": {"status": TEXT}}
            ),
        },
    }


def _get(summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": _content("the answer", answer)}}}


def _post(
    summary: str, fields: dict[str, Any], answer: dict[str, Any], *required: str
) -> dict[str, Any]:
    schema = {"type": "object", "required": list(required), "properties": fields}
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    responses = {"200": _content("the answer", answer)}
    responses |= {status: _content(reason, ERROR) for status, reason in ERRORS.items()}
    return {
        "post": {
            "summary": summary,
            "requestBody": {
                "required": True,
                "content": {kind: {"schema": schema} for kind in kinds},
            },
            "responses": responses,
        }
    }


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
