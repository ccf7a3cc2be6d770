"""AES-128 and its GCM mode, for what seals its packets under keys that anybody can derive. FIPS 197, NIST SP 800-38D; slow, and plain."""


def _sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = p ^ (p << 1) & 0xFF ^ (0x1B if p & 0x80 else 0)
        for shift in (1, 2, 4):
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        turned = q
        for _ in range(4):
            q = (q << 1 | q >> 7) & 0xFF
            turned ^= q
        q = (q << 4 | q >> 4) & 0xFF
        box[p] = turned ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = _sbox()


def double(byte):
    return (byte << 1 ^ 0x11B if byte & 0x80 else byte << 1) & 0xFF


def expand(key):
    words = [list(key[at:at + 4]) for at in range(0, 16, 4)]
    rcon = 1
    for at in range(4, 44):
        word = list(words[at - 1])
        if at % 4 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = double(rcon)
        words.append([a ^ b for a, b in zip(words[at - 4], word)])
    return [sum(words[at:at + 4], []) for at in range(0, 44, 4)]


def block(key, data):
    keys = expand(key)
    state = [a ^ b for a, b in zip(data, keys[0])]
    for turn in range(1, 11):
        state = [SBOX[byte] for byte in state]
        state = [state[(at + 4 * (at % 4)) % 16] for at in range(16)]
        if turn < 10:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column:column + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[i] ^ every ^ double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[turn])]
    return bytes(state)


def counted(key, nonce, data):
    out = b""
    for at in range(0, len(data), 16):
        pad = block(key, nonce + (at // 16 + 2).to_bytes(4, "big"))
        out += bytes(a ^ b for a, b in zip(data[at:at + 16], pad))
    return out


def multiplied(x, y):
    z = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            z ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return z


def sealed(key, nonce, data, about):
    """Cipher text with its tag of 16 bytes."""
    cipher = counted(key, nonce, data)
    h = int.from_bytes(block(key, bytes(16)), "big")
    tag = 0
    padded = [part + bytes(-len(part) % 16) for part in (about, cipher)]
    lengths = (len(about) * 8).to_bytes(8, "big") + (len(cipher) * 8).to_bytes(8, "big")
    for part in (*padded, lengths):
        for at in range(0, len(part), 16):
            tag = multiplied(tag ^ int.from_bytes(part[at:at + 16], "big"), h)
    first = int.from_bytes(block(key, nonce + b"\0\0\0\1"), "big")
    return cipher + (tag ^ first).to_bytes(16, "big")
