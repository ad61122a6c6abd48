"""What of the findings is not sure, in sentences that stand in the file above the key that they are about."""

from __future__ import annotations

from datasync_spider.ops.discovery.url.findings import Findings


def explain(findings: Findings) -> None:
    """Notes them all."""
    way = findings.next
    if not findings.is_tried:
        what = "what was tried did not lead to other records" if findings.requests > 1 else "no second page was seen"
        findings.doubt("next", f"not proven: {way.seen_in}; {what}")
    for doubt in findings.identity.doubts:
        findings.doubt("id", doubt)
    for other in findings.identity.others:
        findings.doubt("id", f"{other} was unique, too")
    if findings.order == "none":
        findings.doubt("order", _why_no_order(findings))
    if findings.size is not None and not findings.size.is_tried and not findings.size.seen_in.startswith("the "):
        findings.doubt("page_size", f"not proven: {findings.size.seen_in}")
    if findings.size is None or not findings.size.to:
        findings.doubt("page_size", "no parameter is known that says how many records a page has")
    elif findings.largest is None:
        findings.doubt("page_size", "how many records a page may have at most is not known")
    if findings.times and not findings.times[0].has_zone:
        findings.doubt("time", "the times name no zone: they are read as UTC")
    for time in findings.times[1:4]:
        findings.doubt("time", f"{time.path} reads as a time, too")


def _why_no_order(findings: Findings) -> str:
    if not findings.times:
        return "no member reads as a time, so that no order can be seen"
    best = findings.times[0]
    if best.order in {"newest-first", "oldest-first"}:
        few = f"from no more than {best.distinct} different times"
        return f"it looks like {best.order} by {best.path}, {few}: say so if the API promises it"
    if best.order is None:
        return f"the times of {best.path} do not differ, or are not in all records, so that no order can be seen"
    return f"the records that were seen are in no order of {best.path}"
