"""Damages files: one byte, or all behind a length."""

import collections
import os


class Damage(collections.namedtuple("Damage", "file position mask")):
    """`file`: its path in the directory. Flips the bits of `mask` in the byte at `position`, or, without a mask, cuts
    the file there."""

    def apply(self, directory):
        with open(os.path.join(directory, self.file), "r+b") as file:
            if not self.mask:
                file.truncate(self.position)
                return
            file.seek(self.position)
            byte = file.read(1)[0]
            file.seek(self.position)
            file.write(bytes((byte ^ self.mask,)))

    def __str__(self):
        done = f"byte {self.position} xor {self.mask:#04x}" if self.mask else f"cut to {self.position} bytes"
        return f"{self.file}: {done}"


def files_below(directory):
    """{path in the directory: content}."""
    files = {}
    for parent, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, directory)] = file.read()
    return files


def every_damage(files, random):
    """Each byte of each file flipped, and each file cut at each length."""
    for file, content in files.items():
        for position in range(len(content)):
            yield Damage(file, position, random.randrange(1, 256))
            yield Damage(file, position, 0)


def some_damage(files, random, flips, cuts):
    """As many of each file, at random places, its first and last byte among them."""
    for file, content in files.items():
        places = range(len(content))
        for count, masks in ((flips, range(1, 256)), (cuts, (0,))):
            chosen = set(random.sample(places, min(count, len(places)))) | set(places[:1]) | set(places[-1:])
            for position in sorted(chosen):
                yield Damage(file, position, random.choice(masks))
