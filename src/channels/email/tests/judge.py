"""Judges a mail by software that is not ours: Python's own parser, made strict, and dkimpy.

Called with the mail's file and, where it is signed, a file of DNS TXT records as JSON. Prints what it found as JSON.
"""

import email
import email.policy
import json
import sys

raw = open(sys.argv[1], "rb").read()
# Any defect raises.
message = email.message_from_bytes(raw, policy=email.policy.strict)
parts = []
for part in message.walk():
    for name, value in part.items():
        defects = getattr(value, "defects", ())
        assert not defects, (name, defects)
    if not part.is_multipart():
        content = part.get_content()
        size = len(content.encode()) if isinstance(content, str) else len(content)
        parts.append([part.get_content_type(), part.get_filename(), size])
signatures = []
if len(sys.argv) > 2:
    import dkim

    records = json.load(open(sys.argv[2]))

    def answer(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return records[name.rstrip(".")].encode()

    for index in range(len(message.get_all("DKIM-Signature", []))):
        verifier = dkim.DKIM(raw, minkey=1024)
        verified = verifier.verify(index, dnsfunc=answer)
        algorithm = verifier.signature_fields[b"a"].decode()
        signatures.append([algorithm, verified])
found = {
    "subject": message["Subject"],
    "to": str(message["To"]),
    "parts": parts,
    "signatures": signatures,
}
print(json.dumps(found))
