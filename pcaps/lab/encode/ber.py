"""Basic encoding rules (ITU-T X.690), definite lengths, as encoders of this folder write them."""


def tlv(tag, *content):
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return bytes([tag] if tag < 0x100 else tag.to_bytes(2, "big")) + length + body


def integer(number, tag=0x02):
    return tlv(tag, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted, tag=0x06):
    first, second, *arcs = (int(arc) for arc in dotted.split("."))
    out = bytearray()
    for arc in [first * 40 + second, *arcs]:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        out += bytes(reversed(septets))
    return tlv(tag, bytes(out))
