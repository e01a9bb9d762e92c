"""Tells all that happened to a message."""

from .record import NEVER


def history(record, topic, channel, number=0):
    """Lines in the order of time, which is given relative to the last kill. Without a number: what happened to the
    topic and the channel."""
    kills = [run.ended for run in record.runs if run.ended != NEVER]
    zero = kills[-1] if kills else record.runs[0].started
    lines = [line for each in _telling(record.operations_on(topic, channel)) for line in _request(each, each.kind)]
    for number_of_run, run in enumerate(record.runs):
        lines.append((run.started, f"---- run {number_of_run} is ready"))
        if run.ended != NEVER:
            lines.append((run.ended, f"---- run {number_of_run} gets the signal"))
    if number:
        publication = record.publications[number]
        delay = f", delay {publication.delay:g} s" if publication.delay else ""
        lines += _request(publication, f"{publication.how}, {len(publication.body)} bytes{delay}:")
        for each in record.deliveries.get((topic, channel, number), ()):
            lines.append((each.at, f"delivered in run {each.run}, attempts {each.attempts}"))
        for each in record.answers.get((topic, channel, number), ()):
            lines.append((each.written or each.sent, f"{each.kind} {'written' if each.written else 'perhaps written'}"
                          f"{f', delay {each.delay:g} s' if each.delay else ''}{', refused' if each.refused else ''}"))
    return [f"{at - zero:+9.3f} s  {text}" for at, text in sorted(lines, key=lambda line: line[0])]


def _telling(operations):
    """Without the creations of what surely exists already: each SUB is one."""
    existing = set()
    for each in sorted(operations, key=lambda each: each.sent):
        if each.kind == "delete":
            existing.clear()
        if each.kind != "create" or each.channel not in existing:
            yield each
        if each.kind == "create" and each.ok:
            existing.add(each.channel)


def _request(request, text):
    text = f"{text} of {getattr(request, 'channel', '') or 'the topic'}" if hasattr(request, "kind") else text
    if getattr(request, "observed", False):
        return [(request.sent, f"{text} seen in /stats")]
    outcome = f"acknowledged after {request.end - request.sent:.3f} s" if request.ok else "never answered"
    return [(request.sent, f"{text} sent, {outcome}")]


def report(record, violations, histories=2):
    """Counts by rule and place, and the histories of the first of each rule."""
    counts = {}
    for each in violations:
        counts.setdefault((each.rule, each.topic, each.channel), []).append(each)
    lines, told = [], {}
    for (rule, topic, channel), some in sorted(counts.items()):
        lines.append(f"{rule}: {topic}{':' if channel else ''}{channel} ({len(some)})")
        for each in some:
            told[rule] = told.get(rule, 0) + 1
            if told[rule] > histories:
                break
            lines.append(f"    {f'message {each.number}: ' if each.number else ''}{each.text}")
            lines += [f"        {line}" for line in history(record, topic, channel, each.number)]
    return "\n".join(lines)
