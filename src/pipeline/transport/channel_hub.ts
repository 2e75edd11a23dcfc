import {checkOptions} from '../../ops/check_options.js';
import {
  checkFunction,
  checkInteger,
  checkList,
  checkMembers,
  checkPositive,
  checkText,
  refuseValue,
} from '../../ops/check_values.js';
import {codecVersions} from '../../codecs/registry.js';
import {DEFAULT_MAX_FRAME_BYTES} from '../wire/header_layout.js';
import {splitAddress} from './address.js';
import {FrameChannel} from './frame_channel.js';
import type {ChannelSettings} from './frame_channel.js';
import {PROTOCOL_VERSION} from './hello.js';
import type {Link} from './link.js';
import type {Channel, TransportArgs, WaitOptions} from './transport.js';
import {ChannelClosed, Refused} from './transport_errors.js';

/** How long two ends may take to agree. */
export const CONNECT_TIMEOUT_MS = 30000;

const DEFAULT_CREDIT_BYTES = 4 * 1024 * 1024;

function settingsOf(args: TransportArgs): ChannelSettings {
  const {configHash, codecs = codecVersions(), epoch = 0, info, heartbeat = {}} = args;
  if (typeof configHash !== 'string') {
    refuseValue('transport', 'configHash', configHash, 'a text, the same on both ends');
  }
  checkInteger('transport', 'epoch', epoch, 0, 0xffffffff);
  const positive = (name: string, value: number) => checkPositive('transport', name, value);
  return {
    hello: {
      protocol: PROTOCOL_VERSION,
      configHash,
      epoch,
      codecs,
      maxFrameBytes: positive('maxFrameBytes', args.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES),
      creditBytes: positive('creditBytes', args.creditBytes ?? DEFAULT_CREDIT_BYTES),
      info,
    },
    heartbeatIntervalMs: positive('heartbeat.intervalMs', heartbeat.intervalMs ?? 5000),
    heartbeatTimeoutMs: positive('heartbeat.timeoutMs', heartbeat.timeoutMs ?? 60000),
  };
}

/** All keys of what transports are made of; the type makes sure that none is forgotten. */
const KEYS = {
  identity: true,
  allow: true,
  listen: true,
  configHash: true,
  codecs: true,
  epoch: true,
  info: true,
  maxFrameBytes: true,
  creditBytes: true,
  heartbeat: true,
  onRefused: true,
} satisfies Record<keyof TransportArgs, true>;

/**
 * `args`, if they are an object with an identity, lists where lists are due, and no unknown key. To be called before anything
 * reads them.
 *
 * @param where The transport, for messages.
 * @param own Keys that it takes besides those of all.
 */
export function checkTransportArgs<T extends Omit<TransportArgs, 'identity'>>(
  where: string,
  args: T & {identity: {peerId: string}},
  own: readonly string[],
): T & {identity: {peerId: string}} {
  const example = `${where}({identity: await createIdentity(), allow: [peerId], configHash: 'run 1'})`;
  checkOptions(where, args, example, [...Object.keys(KEYS), ...own]);
  const {identity, listen, heartbeat, codecs, onRefused} = args;
  checkMembers(where, 'identity', identity, ['peerId'], 'what await createIdentity() gives');
  checkText(where, 'identity.peerId', identity.peerId, 'the PeerId that createIdentity() gives');
  if (listen != null) {
    checkList(where, 'listen', listen, 'a list of addresses, or none');
    listen.forEach((address, i) => checkText(where, `listen[${i}]`, address, 'an address'));
  }
  for (const [name, value] of Object.entries({heartbeat, codecs})) {
    if (value != null) checkMembers(where, name, value, [], 'an object');
  }
  if (onRefused != null) checkFunction(where, 'onRefused', onRefused, 'a function');
  return args;
}

/** What all transports do alike: the allow-list, opening channels on links, keeping and closing. */
export class ChannelHub {
  private readonly allow: ReadonlySet<string>;
  private readonly settings: ChannelSettings;
  private readonly channels = new Set<FrameChannel>();
  private readonly waiting: Channel[] = [];
  private callback: ((channel: Channel) => void) | null = null;
  private closed = false;

  constructor(private readonly args: TransportArgs) {
    const allow = args.allow as Partial<Iterable<string>> | null | undefined;
    if (typeof allow !== 'object' || typeof allow?.[Symbol.iterator] !== 'function') {
      throw new Error(
        `transport: allow is ${JSON.stringify(args.allow)}; expected a list of PeerIds.`,
      );
    }
    this.allow = new Set(args.allow);
    this.settings = settingsOf(args);
  }

  /** Whether a peer that has proved its key may connect. One that may not is told of. */
  admit(peerId: string): boolean {
    if (this.allow.has(peerId)) {
      return true;
    }
    const reason = new Refused(`${peerId} is not on the allow-list of this end (allow).`);
    this.args.onRefused?.(peerId, reason);
    return false;
  }

  /** The checks before a connection is made. Throws Refused, or ChannelClosed after `close`. */
  checkAddress(address: string): {where: string; peerId: string} {
    if (this.closed) {
      throw new ChannelClosed('connect: the transport is closed.');
    }
    const {where, peerId} = splitAddress(address);
    if (!this.allow.has(peerId)) {
      throw new Refused(`connect: ${peerId} is not on the allow-list of this end (allow).`);
    }
    return {where, peerId};
  }

  /** Opens a channel on a link that this end made. */
  async open(link: Link, options: WaitOptions): Promise<Channel> {
    const channel = this.keep(link, true);
    await channel.open({timeoutMs: CONNECT_TIMEOUT_MS, ...options});
    return channel;
  }

  /** Opens a channel on a link that the other end made. */
  async accept(link: Link): Promise<void> {
    if (this.closed) {
      link.abort(new ChannelClosed('the transport is closed.'));
      return;
    }
    if (!this.admit(link.remoteId)) {
      link.abort(new Refused('not on the allow-list.'));
      return;
    }
    const channel = this.keep(link, false);
    try {
      await channel.open({timeoutMs: CONNECT_TIMEOUT_MS});
    } catch (error) {
      this.args.onRefused?.(link.remoteId, error as Error);
      return;
    }
    if (this.callback == null) {
      this.waiting.push(channel);
    } else {
      this.callback(channel);
    }
  }

  onChannel(callback: (channel: Channel) => void): void {
    checkFunction('onChannel', 'callback', callback, 'a function that takes a channel');
    this.callback = callback;
    for (const channel of this.waiting.splice(0)) {
      callback(channel);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.channels].map((channel) => channel.close()));
  }

  private keep(link: Link, dials: boolean): FrameChannel {
    const channel = new FrameChannel(link, this.settings, dials);
    this.channels.add(channel);
    void channel.closed.then(() => channel.close()).then(() => this.channels.delete(channel));
    return channel;
  }
}
