"""What the environment says: where things are and which secrets to use. Rules of the trade are in data/*.yml instead.

Every setting is read from a variable `DESK_…` or from `.env`; .env.example explains each. Secrets stand nowhere else.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The deployment's settings."""

    model_config = SettingsConfigDict(env_prefix="DESK_", env_file=".env", extra="ignore")

    root: Path = Field(default=ROOT, description="folder that holds domain.yml, data/ and nlu/")
    var: Path = Field(default=ROOT / "var", description="folder for the database, media, logs and the Rasa token")
    db: str = Field(default="", description="database URL; empty: SQLite in the var folder")
    community: str = Field(default="YH", description="code of the community this desk's local channels speak for")
    rasa_url: str = Field(default="http://127.0.0.1:5005", description="where the Rasa server is, or shall be")
    rasa_token: str | None = Field(default=None, description="token of that Rasa server; none: the one in var/")
    rasa: bool = Field(default=True, description="false: serve with buttons and rules alone")
    host: str = Field(default="127.0.0.1", description="address of the web server")
    port: int = Field(default=8080, description="port of the web server")
    base_url: str = Field(default="", description="where staff reach the pages, e.g. https://desk.example; none: host and port")
    embed_origins: tuple[str, ...] = Field(
        default=(), description='sites that may frame the resident\'s page, as JSON: ["https://www.example"]'
    )

    @property
    def site(self) -> str:
        return self.base_url or f"http://{self.host}:{self.port}"

    @property
    def database(self) -> str:
        return self.db or f"sqlite:///{self.var / 'desk.db'}"
