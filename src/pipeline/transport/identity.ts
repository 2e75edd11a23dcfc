import type {PrivateKey} from '@libp2p/interface';
import {installNodeShims} from './node_shims.js';
import type {Identity} from './transport.js';

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** A new Ed25519 key and the PeerId that follows from it. */
export async function createIdentity(): Promise<Identity> {
  await installNodeShims();
  const {generateKeyPair, privateKeyToProtobuf} = await import('@libp2p/crypto/keys');
  const {peerIdFromPrivateKey} = await import('@libp2p/peer-id');
  const key = await generateKeyPair('Ed25519');
  return {
    peerId: peerIdFromPrivateKey(key).toString(),
    privateKey: toBase64(privateKeyToProtobuf(key)),
  };
}

/** The libp2p key in `privateKey`, as in `Identity`. Throws, without showing it, if it is none. */
export async function privateKeyOf(privateKey: string): Promise<PrivateKey> {
  await installNodeShims();
  const {privateKeyFromProtobuf} = await import('@libp2p/crypto/keys');
  try {
    if (typeof privateKey !== 'string') throw new Error('no text');
    return privateKeyFromProtobuf(fromBase64(privateKey));
  } catch {
    throw new Error(
      'identity: privateKey is no private key; expected the base64 that createIdentity() returns.',
    );
  }
}

/** The identity of a private key that `createIdentity` made. Throws if it is none. */
export async function identityFromKey(privateKey: string): Promise<Identity> {
  const key = await privateKeyOf(privateKey);
  const {peerIdFromPrivateKey} = await import('@libp2p/peer-id');
  return {peerId: peerIdFromPrivateKey(key).toString(), privateKey};
}
