/** Why bytes are not a frame, or a frame cannot become bytes. */

/** What all errors about frames have in common. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The bytes do not begin as a frame does: the other end speaks something else. */
export class BadMagic extends WireError {}

/** The frame is of another version of this format. */
export class BadVersion extends WireError {}

/** The bytes are not those that were sent. */
export class BadChecksum extends WireError {}

/** The bytes end before the frame does. */
export class TruncatedFrame extends WireError {}

/** The frame is larger than this end sends or accepts. */
export class FrameTooLarge extends WireError {}

/** The checksum is right but the header contradicts itself. */
export class BadHeader extends WireError {}
