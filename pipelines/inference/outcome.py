"""What becomes of an item that was to be read: ok, for a person to review, or an error, and the reason why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    REVIEW = "review"
    ERROR = "error"


WORST_FIRST = (Status.ERROR, Status.REVIEW, Status.OK)


class ReasonCode(StrEnum):
    """What programs tell reasons apart by; the text beside it is for people and has the details."""

    LOW_CONFIDENCE = "low_confidence"
    NOT_A_DIGIT = "not_a_digit"
    NOT_A_NUMBER = "not_a_number"
    BLANK_REQUIRED = "blank_required"
    GAP_IN_NUMBER = "gap_in_number"
    CONSTRAINT_VIOLATED = "constraint_violated"
    """By the value of one field: its pattern, checksum, range, list or length."""
    RULE_VIOLATED = "rule_violated"
    """By the values of several fields together."""
    UNCLEAR_MARK = "unclear_mark"
    MARK_STRUCK_OUT = "mark_struck_out"
    STRAY_INK = "stray_ink"
    FRAME_NOT_FOUND = "frame_not_found"
    FIELD_MISSING = "field_missing"
    """The page is torn off, covered or cut where the field should be."""
    DUPLICATE_PAGE = "duplicate_page"
    MISSING_PAGE = "missing_page"
    BLANK_PAGE = "blank_page"
    FORM_NOT_RECOGNIZED = "form_not_recognized"
    """The page fits none of the templates, or several equally well."""
    MISSING_IMAGE = "missing_image"
    UNREADABLE_FILE = "unreadable_file"
    CHANGED_WHILE_READ = "changed_while_read"
    """The file is not the one that was listed."""
    PROCESS_DIED = "process_died"
    TIMEOUT = "timeout"
    UNEXPECTED_FAILURE = "unexpected_failure"


@dataclass(frozen=True)
class Reason:
    """Why an item is an error or needs a review."""

    code: ReasonCode
    text: str

    def __str__(self) -> str:
        return self.text


def joined(reasons: Sequence[Reason]) -> Reason | None:
    """All of these as one, under the code of the first."""
    return Reason(reasons[0].code, "; ".join(reason.text for reason in reasons)) if reasons else None


def reason_columns(reason: Reason | None) -> dict[str, str | None]:
    """A reason as it stands in rows and answers."""
    if reason is None:
        return {"reason_code": None, "reason": None}
    return {"reason_code": reason.code.value, "reason": reason.text}


def why_unsure(accept_above: float) -> Reason:
    """Why a reading below this confidence needs a second look."""
    if accept_above > 1:
        return Reason(ReasonCode.LOW_CONFIDENCE, "this model is never sure enough to be accepted unseen")
    return Reason(ReasonCode.LOW_CONFIDENCE, f"less sure than {accept_above:.4g}")
