"""Clients of an application in the same process, as they look from this machine."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient

HERE = ("127.0.0.1", 50000)


def client_of(app: FastAPI, key: str = "") -> TestClient:
    """A client on loopback, with a key if one is given; to be entered, so that the application starts."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return TestClient(app, "http://localhost:8080", client=HERE, headers=headers, follow_redirects=False)
