"""What every part of the configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=128)]


class Section(BaseModel):
    """Unknown keys are refused; the text below a key is its meaning, in the reference and in editors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
