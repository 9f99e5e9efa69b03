"""Files of this project, taken apart and put together with every checksum as it should be: what anybody
can do who has a file.
"""
import hashlib
import json
import struct

HEADER = 192


def frames(path):
    """Sections of a file of this project: name -> bytes, in order; and its header."""
    data, at, out = path.read_bytes(), HEADER, {}
    while at < len(data):
        length, tag = struct.unpack_from("<I4s", data, at)
        out[tag.decode()] = out.get(tag.decode(), b"") + data[at + 8:at + 8 + length]
        at += 8 + length + 32
    del out["END."]
    return data[:HEADER], out


def container(header, sections):
    """A file of these sections, with every checksum as it should be."""
    out, count = header, 0
    for tag, payload in (*sections.items(), ("END.", b"")):
        for at in range(0, max(len(payload), 1), 1 << 20):
            part = payload[at:at + (1 << 20)]
            frame = struct.pack("<I4s", len(part), tag.encode()) + part
            out += frame + hashlib.sha256(header[160:] + struct.pack("<Q", count) + frame).digest()
            count += 1
    return out


def answer_file(round_path, number, stop, run_id=None):
    """The answer's bytes, made of what the server knows and one bit."""
    header, sections = frames(round_path)
    header = header[:12] + struct.pack("<I", 8) + header[16:160]
    header += hashlib.sha256(header).digest()
    return container(header, {"RUN.": (run_id or sections["RUN."][:16]) + struct.pack("<I", number),
                              "STOP": bytes([stop])})


def training(payload):
    """The section TRAI: steps, configuration, softmax circuit."""
    steps, length = struct.unpack_from("<II", payload)
    config = json.loads(payload[8:8 + length])
    return steps, config, payload[12 + length:].decode()


def training_section(steps, config, circuit):
    text, name = json.dumps(config).encode(), circuit.encode()
    return struct.pack("<II", steps, len(text)) + text + struct.pack("<I", len(name)) + name


def add_to_first(sections, name, amount, count, primes):
    """Adds a number to the first coefficient of a section's first ciphertext, which is packed residues of
    `count` evaluations: a constant is the same at all of them."""
    data = sections[name]
    at, (scale,) = 11, struct.unpack_from("<d", data, 3)
    out = [data[:at]]
    for q in primes:
        bits, size = q.bit_length(), count * q.bit_length() // 8
        packed, sums = int.from_bytes(data[at:at + size], "little"), 0
        for i in reversed(range(count)):
            sums = sums << bits | ((packed >> i * bits & (1 << bits) - 1) + round(amount * scale)) % q
        out.append(sums.to_bytes(size, "little"))
        at += size
    sections[name] = b"".join(out) + data[at:]


def forge(source, target, change):
    """`target` is `source` with its sections as change(sections) leaves them."""
    header, sections = frames(source)
    change(sections)
    target.write_bytes(container(header, sections))


def as_earlier_programs_wrote(keys):
    """A folder of keys whose secret.key does not say that they were made with a ledger."""
    def change(sections):
        del sections["LEDG"]
    forge(keys / "secret.key", keys / "secret.key", change)


def forge_training(source, target, done=None, circuit=None, **config):
    """`target` is `source` that says it was trained otherwise."""
    def change(sections):
        said_steps, said, said_circuit = training(sections["TRAI"])
        sections["TRAI"] = training_section(done or said_steps, {**said, **config},
                                            circuit or said_circuit)
    forge(source, target, change)
