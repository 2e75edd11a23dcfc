import {Refused} from './transport_errors.js';

/**
 * Splits an address in where and who. One that does not say who would connect to whoever answers.
 *
 * @throws Refused where the PeerId is missing.
 */
export function splitAddress(address: string): {where: string; peerId: string} {
  const found = /^(.*)\/p2p\/([^/]+)$/.exec(address);
  if (found == null) {
    throw new Refused(
      `connect: address '${address}' does not end in /p2p/<PeerId>, so anybody could answer; ` +
        "add the peer's id, as in its transport.addresses.",
    );
  }
  return {where: found[1], peerId: found[2]};
}
