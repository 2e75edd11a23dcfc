import type {Frame, JsonValue} from '../wire/frame.js';
import {ProtocolError, Refused} from './transport_errors.js';

/** Version of what channels say to each other: hello, credit, heartbeat, close. */
export const PROTOCOL_VERSION = 1;

/** What each end says first. */
export interface Hello {
  readonly protocol: number;
  readonly configHash: string;
  readonly epoch: number;
  readonly codecs: Readonly<Record<string, number>>;
  /** Largest frame that this end accepts, in bytes. */
  readonly maxFrameBytes: number;
  /** Bytes that this end lets the other have under way. */
  readonly creditBytes: number;
  readonly info?: JsonValue;
}

const isCount = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least;

/** The hello in a message, or null if it is none. */
function parseHello(message: JsonValue | undefined): Hello | null {
  if (message == null || typeof message !== 'object' || Array.isArray(message)) {
    return null;
  }
  const hello = message as unknown as Hello;
  const {codecs} = hello;
  const good =
    isCount(hello.protocol, 0) &&
    typeof hello.configHash === 'string' &&
    isCount(hello.epoch, 0) &&
    isCount(hello.maxFrameBytes, 1) &&
    isCount(hello.creditBytes, 1) &&
    codecs != null &&
    typeof codecs === 'object' &&
    Object.values(codecs).every((version) => isCount(version, 1));
  return good ? hello : null;
}

/** What both ends must agree on and do not, by name with both values; empty if all is well. */
function helloDifferences(own: Hello, peer: Hello): string[] {
  const differs: string[] = [];
  const compare = (name: string, ours: unknown, theirs: unknown) => {
    if (ours !== theirs) {
      differs.push(`${name}: ${ours ?? 'none'} here, ${theirs ?? 'none'} at the peer`);
    }
  };
  compare('protocol', own.protocol, peer.protocol);
  compare('configHash', own.configHash, peer.configHash);
  compare('epoch', own.epoch, peer.epoch);
  for (const name of new Set([...Object.keys(own.codecs), ...Object.keys(peer.codecs)])) {
    compare(`codec ${name}`, own.codecs[name], peer.codecs[name]);
  }
  return differs;
}

/**
 * The peer's hello, if `frame` is one and agrees with this end's.
 *
 * @param peerId Names the peer in messages.
 * @throws ProtocolError if the frame is no hello; Refused, with what differs.
 */
export function agreedHello(frame: Frame, own: Hello, peerId: string): Hello {
  const peer = frame.type === 'hello' ? parseHello(frame.message) : null;
  if (peer == null) {
    throw new ProtocolError(
      `${peerId} began with a frame of type '${frame.type}' that is no good hello.`,
    );
  }
  const differs = helloDifferences(own, peer);
  if (differs.length > 0) {
    throw new Refused(
      `${peerId} does not run the same as this end: ${differs.join('; ')}.`,
      differs,
    );
  }
  return peer;
}
